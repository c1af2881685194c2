"""Curvature S_i: how strongly the target's log-probability bends in token i's vector (HETA, arXiv 2604.13258, Eq. 2-3).

S_i = (1/m) sum_k || H_ii r_k ||_1, H = Hessian of log p(target) at one site of the model, r_k Rademacher in R^d_model.
`options` names the modes, `modes` runs them; nothing is imported here, so that options can be read without torch.
"""
