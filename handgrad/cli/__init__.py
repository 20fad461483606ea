"""The commands of the command line, one file each: their options, and what they do and print."""
