"""The command line: `python tools/chapters` executes stale chapters and writes their snapshots."""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Python puts the folder that it runs there, not tools

from chapters import pairs
from chapters.execute import refresh
from chapters.pairs import ChapterError, find, name_of
from chapters.stale import stale_chapters
from chapters.student import write_student_copies


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python tools/chapters", description="Execute stale chapters and write their snapshots (.md -> .ipynb)."
    )
    parser.add_argument("chapter", nargs="*", help="only these, stale or not: backprop/logistic")
    parser.add_argument("--all", action="store_true", help="every chapter, stale or not")
    parser.add_argument("--check", action="store_true", help="execute nothing; print what is stale")
    parser.add_argument("--student", action="store_true", help="execute nothing; write copies with blank answers")
    options = parser.parse_args(arguments)
    try:
        sources = [find(name) for name in options.chapter] or pairs.chapters()
        if options.student:
            write_student_copies(sources)
            return 0
        stale = stale_chapters(sources)
        if options.check:
            for source, reasons in stale.items():
                print(f"{name_of(source)} is stale: {', '.join(reasons)}")
            return int(bool(stale))
        if not options.all and not options.chapter:
            sources = list(stale)
        refresh(sources, say=tqdm.write)
        if not sources:
            print("No chapter is stale.")
    except ChapterError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Chapters that were executed have their new snapshots.", file=sys.stderr)
        return 130  # as a shell reports it
    except OSError as error:
        print(f"{error.filename}: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
