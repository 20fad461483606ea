"""handgrad book: derivations as pages to read in a browser."""

from pathlib import Path

from handgrad.cli.console import UsageError, in_one_line, progress, whole_number
from handgrad.cli.outputs import writing
from handgrad.cli.targets import placed
from handgrad.common.text import many
from handgrad.derivation.errors import DerivationError


def add_parser(commands):
    parser = commands.add_parser(
        "book",
        help="write the catalog, or your own derivations, as pages for a browser",
        description="Write a folder of pages that need no network: the chapters of the book and "
        "every rule, or Markdown files of your own. Each formula is typeset, each link is checked "
        "and marked, each graph can be walked through.",
    )
    add = parser.add_argument
    add("files", nargs="*", metavar="FILE.md", help="Markdown with derivations; the catalog")
    add("-o", "--output", metavar="DIR", type=Path, required=True, help="the folder of the pages")
    add("--seed", type=whole_number, default=0, help="of the random numbers (default: 0)")
    parser.set_defaults(run=run)


def run(arguments):
    """0 when all that stands on the pages is right, 1 if not; 2 if they cannot be made."""
    output = arguments.output
    with writing(output):
        is_other = output.exists() and not output.is_dir()
    if is_other:
        raise UsageError(f"-o {output} is not a directory")
    for path in arguments.files:
        if not path.endswith(".md"):
            raise UsageError(f"{path} must end in .md")
    from handgrad.pages.site import write_site

    try:
        with writing(output):
            pages = write_site(output, arguments.files, arguments.seed, progress)
    except DerivationError as error:
        raise UsageError(placed(", ".join(arguments.files), error)) from None
    finally:
        progress()
    wrong = [page.title for page in pages if not page.ok]
    if wrong:
        said = f"not right: {', '.join(wrong)}"
    elif any(page.checked for page in pages):
        said = "all that stands on them is right"
    else:
        said = "no derivation stands on them"
    print(
        f"{many(len(pages), 'page')}, begin with {in_one_line(output / 'index.html')}: {in_one_line(said)}"
    )
    return int(bool(wrong))
