"""What the chapters show: curves, tables, cards, sentences, widgets. Needs the extra ``labcode[book]``."""

import lazy_loader

# The names stand in __init__.pyi; each module is imported when one of its names is first asked for.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
