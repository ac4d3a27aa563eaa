"""Chapters in pairs: `name.md`, which people edit, and `name.ipynb`, its last execution (the snapshot).

pairs.py             where chapters are, and a source as a notebook
cells.py             which cells of a chapter need which
stale.py             what a snapshot was made from, and whether that has changed
kernel.py            the kernel of a chapter, the same for every user
execute.py           run a chapter in a new kernel and write its snapshot
student.py           copies to work in, with the solutions left blank
key.py               the solutions, and the right answers of the quizzes
sphinx_extension.py  a build executes stale chapters first, and shows no old page
__main__.py          the command line: `python tools/chapters [--all] [--check] [--student] [chapter ...]`
"""
