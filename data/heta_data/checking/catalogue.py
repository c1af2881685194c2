"""The built-in checks, described."""

from heta_data.checking.balance import check_orders, check_positions
from heta_data.checking.findings import Check
from heta_data.checking.heuristics import check_labels
from heta_data.checking.near import check_near_duplicates
from heta_data.checking.repeats import check_duplicates, check_leakage
from heta_data.checking.rights import check_rights
from heta_data.checking.targets import check_targets
from heta_data.checking.texts import check_personal_data, check_texts

DUPLICATES = Check("duplicates", "items, questions and texts that stand there more than once", check_duplicates)
NEAR_DUPLICATES = Check("near-duplicates", "texts and questions that differ in a few words", check_near_duplicates)
LEAKAGE = Check("leakage", "groups, texts and questions that stand in two splits", check_leakage)
ORDERS = Check("orders", "evidence that comes first, or last, too often", check_orders)
POSITIONS = Check("positions", "answers that stand in one fifth of the texts", check_positions)
TARGETS = Check("targets", "targets no model would write, or that need no evidence", check_targets)
LABELS = Check("labels", "labels that a rule explains, or of nobody", check_labels)
RIGHTS = Check("rights", "missing licences and sources, licences that do not go together", check_rights)
TEXTS = Check("texts", "control characters, markup, special tokens, sizes", check_texts)
PERSONAL_DATA = Check(
    "personal-data", "e-mail addresses, telephone numbers, raters by their names", check_personal_data
)
