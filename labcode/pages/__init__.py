"""What the chapters show: figures, tables, cards, widgets. Needs the extra ``labcode[book]``."""
