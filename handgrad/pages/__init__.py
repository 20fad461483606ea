"""Pages to read in a browser: derivations typeset and checked, and the catalog, rule by rule."""
