"""Many raters' labels put together to gold labels. Another package adds a way by the group `heta.aggregators`."""

from typing import TYPE_CHECKING

from heta.registry import Registry

if TYPE_CHECKING:
    from heta_evaluation.aggregation.base import Aggregator

AGGREGATORS: "Registry[Aggregator]" = Registry(
    "aggregation",
    "heta.aggregators",
    {
        "majority": "heta_evaluation.aggregation.majority:AGGREGATOR",
        "dawid_skene": "heta_evaluation.aggregation.confusion:DAWID_SKENE",
        "one_coin": "heta_evaluation.aggregation.confusion:ONE_COIN",
        "mace": "heta_evaluation.aggregation.mace:MACE",
        "glad": "heta_evaluation.aggregation.glad:GLAD",
    },
)

__all__ = ["AGGREGATORS"]
