"""Metrics by name. Another package adds one through the entry-point group `heta.metrics`."""

from typing import TYPE_CHECKING

from heta.registry import Registry

if TYPE_CHECKING:
    from heta_evaluation.metrics.base import Metric

METRICS: "Registry[Metric]" = Registry(
    "metric",
    "heta.metrics",
    {
        "token_f1@k": "heta_evaluation.metrics.overlap:TOKEN_F1",
        "average_precision": "heta_evaluation.metrics.ranking:AVERAGE_PRECISION",
        "spearman": "heta_evaluation.metrics.correlation:SPEARMAN",
        "dsa_minus_uniform": "heta_evaluation.metrics.mass:DSA_MINUS_UNIFORM",
        "dsa": "heta_evaluation.metrics.mass:DSA",
        "precision@k": "heta_evaluation.metrics.overlap:PRECISION",
        "iou": "heta_evaluation.metrics.overlap:IOU",
        "iou_f1": "heta_evaluation.metrics.spans:IOU_F1",
        "mrr": "heta_evaluation.metrics.ranking:MRR",
        "roc_auc": "heta_evaluation.metrics.ranking:ROC_AUC",
        "kendall": "heta_evaluation.metrics.correlation:KENDALL",
        "pearson": "heta_evaluation.metrics.correlation:PEARSON",
        "soft_ap": "heta_evaluation.metrics.ranking:SOFT_AP",
        "soft_brier": "heta_evaluation.metrics.soft:SOFT_BRIER",
        "eraser_auprc": "heta_evaluation.metrics.ranking:ERASER_AUPRC",
        "eraser_iou_f1": "heta_evaluation.metrics.spans:ERASER_IOU_F1",
        "mass_outside": "heta_evaluation.metrics.mass:MASS_OUTSIDE",
        "projection_bias": "heta_evaluation.alignment.projection:PROJECTION_BIAS",
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
