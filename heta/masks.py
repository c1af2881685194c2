"""What a masked token's embedding becomes. Vectors are embeddings as the model sees them, a family's scale applied."""

from typing import TYPE_CHECKING, Literal, get_args

from heta.errors import ConfigError

# Options name masks, and listing methods imports no torch.
if TYPE_CHECKING:
    from torch import Tensor

    from heta.model import LoadedModel
    from heta.passes import BasePass

Mask = Literal["zero", "sequence_mean", "vocabulary_mean", "unk", "pad", "drop"]
"""`zero`, as the paper has it; `sequence_mean`, the mean over the prompt's tokens behind the first position;
`vocabulary_mean`, the mean over the whole vocabulary; `unk` and `pad`, those tokens; `drop`: no embedding at all, the
token is left out and those behind it move up."""

MASKS: tuple[Mask, ...] = get_args(Mask)

_ROWS = 8192


def mask_vector(model: "LoadedModel", base: "BasePass", mask: Mask) -> "Tensor | None":
    """The embedding `[d_model]` that a masked token gets under `mask`, in the model's dtype; None for `drop`.

    It does not depend on which tokens are masked, so that a subset of them gets the values that all of them get.

    Raises:
        ConfigError: an unknown mask, or a token that the tokenizer or the model does not have.
    """
    if mask not in MASKS:
        raise ConfigError(f"mask is {mask!r}, allowed are {', '.join(MASKS)}")
    import torch

    if mask == "drop":
        return None
    if mask == "zero":
        return torch.zeros_like(base.embeddings[0, 0])
    if mask == "sequence_mean":
        # All that is read before the explained tokens. The first position is the BOS token or the attention sink in
        # its stead: its embedding stands for no text.
        return base.embeddings[0, 1 : base.read[0] + 1].mean(0)
    with torch.no_grad():
        if mask == "vocabulary_mean":
            return _vocabulary_mean(model).to(base.embeddings)
        token = _special_token(model, mask)
        vector: Tensor = model.embedding(torch.tensor([token], device=model.device))[0]
    return vector


def _vocabulary_mean(model: "LoadedModel") -> "Tensor":
    import torch

    # By blocks: the scaled embeddings of a whole vocabulary would be a second copy of the matrix.
    ids = torch.arange(model.embedding.num_embeddings, device=model.device)
    blocks = torch.split(ids, _ROWS)
    return torch.stack([model.embedding(block).double().sum(0) for block in blocks]).sum(0) / len(ids)


def _special_token(model: "LoadedModel", mask: Literal["unk", "pad"]) -> int:
    token = getattr(model.tokenizer, f"{mask}_token_id", None)
    kind = type(model.tokenizer).__name__
    others = ", ".join(name for name in MASKS if name not in ("unk", "pad"))
    if not isinstance(token, int):
        raise ConfigError(
            f"mask {mask!r} needs a tokenizer with {mask}_token, that of {model.identity.name} ({kind}) has none; take"
            f" one of {others}"
        )
    if token >= model.embedding.num_embeddings:
        raise ConfigError(
            f"mask {mask!r}: token {token} of {model.identity.name}'s tokenizer has no embedding, the model has"
            f" {model.embedding.num_embeddings}; take one of {others}"
        )
    return token
