"""Metrics by name. Another package adds one through the entry-point group `heta.metrics`."""

from typing import TYPE_CHECKING

from heta.registry import Registry

if TYPE_CHECKING:
    from heta_evaluation.metrics.base import Metric

METRICS: "Registry[Metric]" = Registry(
    "metric",
    "heta.metrics",
    {
        "token_f1@k": "heta_evaluation.metrics.alignment:TOKEN_F1",
        "average_precision": "heta_evaluation.metrics.alignment:AVERAGE_PRECISION",
        "spearman": "heta_evaluation.metrics.alignment:SPEARMAN",
        "dsa_minus_uniform": "heta_evaluation.metrics.alignment:DSA_MINUS_UNIFORM",
        "dsa": "heta_evaluation.metrics.alignment:DSA",
        "roc_auc": "heta_evaluation.metrics.alignment:ROC_AUC",
        "eraser_auprc": "heta_evaluation.metrics.alignment:ERASER_AUPRC",
        "mass_outside": "heta_evaluation.metrics.alignment:MASS_OUTSIDE",
        "krippendorff_alpha": "heta_evaluation.agreement.coincidence:KRIPPENDORFF_ALPHA",
        "raw_agreement": "heta_evaluation.agreement.coincidence:RAW_AGREEMENT",
        "positive_agreement": "heta_evaluation.agreement.coincidence:POSITIVE_AGREEMENT",
        "prevalence": "heta_evaluation.agreement.coincidence:PREVALENCE",
        "fleiss_kappa": "heta_evaluation.agreement.coefficients:FLEISS_KAPPA",
        "gwet_ac1": "heta_evaluation.agreement.coefficients:GWET_AC1",
        "negative_agreement": "heta_evaluation.agreement.coefficients:NEGATIVE_AGREEMENT",
        "cohen_kappa": "heta_evaluation.agreement.pairs:COHEN_KAPPA",
        "pairwise_f1": "heta_evaluation.agreement.pairs:PAIRWISE_F1",
        "pairwise_overlap": "heta_evaluation.agreement.pairs:PAIRWISE_OVERLAP",
        "pairwise_exact": "heta_evaluation.agreement.pairs:PAIRWISE_EXACT",
        "alpha_u": "heta_evaluation.agreement.unitised:ALPHA_U",
        "soft_nc": "heta_evaluation.faithfulness.soft:SOFT_NC",
        "soft_ns": "heta_evaluation.faithfulness.soft:SOFT_NS",
        "soft_nc_pi": "heta_evaluation.faithfulness.soft:SOFT_NC_PI",
        "soft_ns_pi": "heta_evaluation.faithfulness.soft:SOFT_NS_PI",
        "nc_top_kl": "heta_evaluation.faithfulness.hard:NC_TOP_KL",
        "ns_top_kl": "heta_evaluation.faithfulness.hard:NS_TOP_KL",
        "comprehensiveness": "heta_evaluation.faithfulness.hard:COMPREHENSIVENESS",
        "sufficiency": "heta_evaluation.faithfulness.hard:SUFFICIENCY",
        "deletion_auc": "heta_evaluation.faithfulness.hard:DELETION_AUC",
        "insertion_auc": "heta_evaluation.faithfulness.hard:INSERTION_AUC",
        "tau_loo": "heta_evaluation.faithfulness.effects:TAU_LOO",
        "lds": "heta_evaluation.faithfulness.effects:LDS",
        "sensitivity": "heta_evaluation.faithfulness.sensitivity:SENSITIVITY",
        "paraphrase_stability": "heta_evaluation.faithfulness.paraphrase:PARAPHRASE_STABILITY",
        "decoding_stability": "heta_evaluation.faithfulness.decoding:DECODING_STABILITY",
    },
)

__all__ = ["METRICS"]
