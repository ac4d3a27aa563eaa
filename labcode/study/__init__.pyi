from .ablation import ABLATIONS as ABLATIONS
from .ablation import Ablation as Ablation
from .claims import CLAIMS as CLAIMS
from .experiment import Experiment as Experiment
from .records import RECORDS as RECORDS
from .records import MissingRecordError as MissingRecordError
from .records import Record as Record
from .records import RecordError as RecordError
