"""What the pages run in the reader's browser: Python with SymPy and labcode's derivations.

liveness.py          which modules of labcode run in a page, and which cells of a chapter
run_cell.py          runs one cell; this file goes into the page as it is
worker.js            starts Python in a worker of the page, and feeds it cells
compile.mjs          compiles SymPy for it
npm.py               installs what package-lock.json pins, and compiles
bundle.py            all of this as scripts that a page can load from a disk
sphinx_extension.py  writes the scripts into the site and tells each page which of its cells run

The page's own script and style are book/_assets/live.js and live.css; answers.js keeps the reader's right answers.
"""
