from .sentences import Sentence as Sentence
from .sentences import SentenceError as SentenceError
from .sentences import paragraph as paragraph
from .sentences import say as say
