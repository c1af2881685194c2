"""Language models ready to be explained: float32, with their identity and a literal tokenizer."""

import hashlib
import inspect
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from heta.errors import ConfigError, HetaError, IncompatibleModel, MissingDependency, suggest
from heta.exclusive import ModelLock
from heta.fetch import CATALOGUE, MARKER, cache_dir, cached_model, weights_digest
from heta.hub import hub_arguments, hub_commit
from heta.quiet import quiet_transformers
from heta.random_weights import RANDOM, random_module, random_revision
from heta.records import ModelIdentity

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

logger = logging.getLogger(__name__)

DTYPES = ("float32", "float64")
"""Half precision is off by 20 to 33 % in the curvature, so it is refused rather than trusted."""
ATTENTION_LAYERS = frozenset({"full_attention", "sliding_attention", "chunked_attention"})
"""Kinds of layers, as configs name them, whose keys and values of one token stay what they are."""
Dtype = Literal["float32", "float64"]


@dataclass(frozen=True)
class LoadedModel:
    """A causal language model and its tokenizer.

    Passes hold `lock`: one model serves one thread at a time, in evaluation mode and frozen while it does. A module
    that serves several threads is wrapped once.
    """

    module: "torch.nn.Module" = field(repr=False)
    tokenizer: Any = field(repr=False)
    """The transformers tokenizer it came with; `encoder` is what texts go through."""
    encoder: "Tokenizer" = field(repr=False)
    """Private copy of the fast tokenizer: literal text stays literal, offsets keep their blanks."""
    identity: ModelIdentity
    window: int | None
    """Longest input in tokens, or None where positions have no limit."""
    bos: int | None
    """Token put in front of every prompt, or None."""
    exclude_first: bool = True
    """Whether position 0 is left without a score also where it is a token of the prompt."""
    lock: ModelLock = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lock", ModelLock(self.module))

    @property
    def device(self) -> "torch.device":
        """Where inputs have to go; for an offloaded embedding the device that it runs on."""
        import torch

        device: torch.device = self.embedding.weight.device
        return torch.device(_offloading(self.embedding).execution_device) if device.type == "meta" else device

    @property
    def dtype(self) -> "torch.dtype":
        """Precision of every pass."""
        return self.embedding.weight.dtype

    @property
    def embedding(self) -> "torch.nn.Embedding":
        """The input embedding; calling it also applies the scale that some families put on it."""
        return self.module.get_input_embeddings()  # type: ignore[operator,no-any-return]

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of `token_ids`, special tokens included, blanks as they are."""
        return str(
            self.tokenizer.decode(list(token_ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        )


def load_model(
    name: str,
    *,
    device: str | None = None,
    device_map: str | Mapping[str, int | str] | None = None,
    dtype: str = "float32",
    revision: str | None = None,
    bos: bool = True,
    exclude_first: bool = True,
    random_weights: int | None = None,
) -> LoadedModel:
    """Load a causal language model.

    Weights saved in half precision become float32, 4 bytes each, twice their size on disk. What does not fit can lie
    on several devices or be offloaded by `device_map`; a gradient pass still holds the float32 weights it goes through.

    Args:
        name: a name of the catalogue (`smollm2`, `gemma3-270m`), a folder, or a hub id.
        device: a torch device; by default the first CUDA device, or the CPU.
        device_map: instead of `device`, where accelerate puts the parts: `auto`, or a part's name to a device, `cpu` or
            `disk`, as `from_pretrained` takes it.
        dtype: `float32` or `float64` (norms of the Llama type round to float32 all the same).
        revision: branch, tag or commit of a hub id.
        bos: as for `wrap_model`.
        exclude_first: as for `wrap_model`.
        random_weights: a seed, >= 0: the same architecture and tokenizer with weights that were never trained, as a
            control. It goes by the name with `-random` behind it; its revision holds the seed.

    Raises:
        ConfigError: an unknown dtype or device, a seed that is none, a name that leads nowhere, a model that was not
            fetched yet, and as for `wrap_model`.
        IncompatibleModel: as for `wrap_model`.
        MissingDependency: a `device_map` without accelerate.
    """
    if device_map is not None and device is not None:
        raise ConfigError(f"device {device!r} and device_map were both given; give one of them")
    if device_map is not None and find_spec("accelerate") is None:
        raise MissingDependency("device_map needs accelerate: pip install 'heta-bench[models]'")
    if random_weights is not None and (random_weights < 0 or device_map is not None):
        what = "a device_map" if device_map is not None else random_weights
        raise ConfigError(f"random_weights takes a seed from 0 up and no device_map, got {what}; put it on one device")
    if dtype not in DTYPES:
        raise ConfigError(f"dtype is {dtype!r}, allowed are {', '.join(DTYPES)} (curvature is wrong in half precision)")
    folder = _folder(name)
    if folder is not None and revision is not None:
        raise ConfigError(f"revision {revision!r} was given for the local model {name!r}; revisions belong to hub ids")
    target = None if device_map is not None else _device(device)
    where = {"local_files_only": True} if folder is not None else hub_arguments(name, revision)
    source = name if folder is None else str(folder)
    with _telling(name, device_map):
        module, tokenizer = _load(source, dtype, device_map, random_weights, where)
    if random_weights is not None:
        commit = random_revision(module.config, random_weights)
    elif folder is not None:
        commit = _local_revision(folder)
    else:
        commit = hub_commit(name, revision) or revision or "unknown"
    if target is not None:
        module = module.to(target)
    return wrap_model(
        module.eval().requires_grad_(False),
        tokenizer,
        name=recorded_name(name, random=random_weights is not None),
        revision=commit,
        bos=bos,
        exclude_first=exclude_first,
    )


def _load(source: str, dtype: str, device_map: Any, random_weights: int | None, where: Mapping[str, Any]) -> Any:
    """The module and its tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    # The grouped product of experts knows no float64; on a model without experts this acts on nothing.
    experts = {"experts_implementation": "eager"} if dtype == "float64" else {}
    precision = getattr(torch, dtype)
    with quiet_transformers():
        config = AutoConfig.from_pretrained(source, **where)
        if getattr(config, "is_encoder_decoder", False):
            raise IncompatibleModel(f"{source} is an encoder-decoder; only causal decoders are supported")
        tokenizer = AutoTokenizer.from_pretrained(source, **where)
        if random_weights is not None:
            return random_module(config, precision, random_weights, **experts), tokenizer
        module = AutoModelForCausalLM.from_pretrained(
            source, dtype=precision, device_map=device_map, **experts, **where
        )
    return module, tokenizer


@contextmanager
def _telling(name: str, device_map: Any) -> Iterator[None]:
    """Whatever keeps a model from being loaded, in one line."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, AssertionError, SafetensorError) as error:
        if isinstance(error, HetaError):
            raise
        # An AssertionError is torch's, for a device that it was not built for.
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        if device_map is not None:
            reason = f"with device_map={device_map!r}: {reason}"
        raise ConfigError(
            f"cannot load model {name!r}: {reason} (a name of {', '.join(CATALOGUE)}, a folder with a"
            " saved transformers model, or a hub id)"
        ) from error


def recorded_name(name: str, *, random: bool = False) -> str:
    """What records call a model given as `name`: one that lies in a folder goes by the folder's name.

    `random`: with weights that were never trained.
    """
    path = Path(name).expanduser()
    known = path.resolve().name if name not in CATALOGUE and path.is_dir() else name
    return f"{known}{RANDOM}" if random else known


def wrap_model(
    module: Any,
    tokenizer: Any,
    *,
    name: str,
    revision: str = "unknown",
    bos: bool = True,
    exclude_first: bool = True,
) -> LoadedModel:
    """A `LoadedModel` around a transformers model and tokenizer that are already in memory.

    The module stays as it is: attribution freezes it and puts it into evaluation mode for as long as it computes. It
    may be wrapped by peft, or spread and offloaded by accelerate.

    Args:
        module: a transformers model for causal language modelling, in float32 or float64.
        tokenizer: its fast tokenizer.
        name: what records call it.
        revision: which weights these are, for records.
        bos: whether the tokenizer's BOS token, if it has one, goes in front of every prompt. Without it the prompt's
            first token is the attention sink and gets no score.
        exclude_first: false gives the prompt's first token a score all the same, as the published code does; attention
            sinks take nearly all of M there.

    Raises:
        ConfigError: `exclude_first` is false where a BOS token stands at position 0.
        IncompatibleModel: no fast tokenizer, no causal decoder with a cache of keys and values, no weights, or a
            precision that cannot be trusted.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise IncompatibleModel(
            f"{name} has no fast tokenizer ({type(tokenizer).__name__}); character offsets need one: save it with a"
            " tokenizer.json"
        )
    _check_module(module, name)
    dtype = str(module.get_input_embeddings().weight.dtype).removeprefix("torch.")
    if dtype not in DTYPES:
        raise IncompatibleModel(
            f"{name} is in {dtype}; curvature is wrong in half precision; call .float() on it first (4 bytes a weight)"
        )
    if dtype != "float32":
        # Another precision gives other numbers, so it is other work.
        revision = f"{revision}+{dtype}"
    encoder = _literal_encoder(backend)
    first = getattr(tokenizer, "bos_token_id", None) if bos else None
    if first is not None and not exclude_first:
        raise ConfigError(
            f"exclude_first=False scores position 0, where {name} has its BOS token; add bos=False, or leave it out"
        )
    # What is scored decides over M, so it is other work, as another BOS token is.
    sink = "" if exclude_first else "position 0 scored\n"
    digest = hashlib.sha256(f"{sink}{first}\n{encoder.to_str()}".encode()).hexdigest()[:12]
    text_config = module.config.get_text_config(decoder=True)
    return LoadedModel(
        module=module,
        tokenizer=tokenizer,
        encoder=encoder,
        identity=ModelIdentity(name=name, revision=revision, tokenizer=f"{type(tokenizer).__name__}:{digest}"),
        window=getattr(text_config, "max_position_embeddings", None) or getattr(text_config, "max_seq_len", None),
        bos=first,
        exclude_first=exclude_first,
    )


def forward_arguments(module: Any) -> frozenset[str]:
    """Names of the arguments that the forward of a transformers model takes, one wrapped by peft included."""
    inner = module.get_base_model() if hasattr(module, "get_base_model") else module
    return frozenset(inspect.signature(inner.forward).parameters)


def _check_module(module: Any, name: str) -> None:
    """Refuse what has no causal attention over cached keys and values, from embeddings alone."""
    family = f"{name} ({type(module).__name__})"
    if getattr(module.config, "is_encoder_decoder", False):
        raise IncompatibleModel(f"{family} is an encoder-decoder; only causal decoders are supported")
    if getattr(getattr(module, "active_peft_config", None), "is_prompt_learning", False):
        raise IncompatibleModel(
            f"{family} puts learned positions in front of the prompt; take an adapter of weights, such as LoRA"
        )
    config = module.config.get_text_config(decoder=True)
    other = sorted(set(getattr(config, "layer_types", None) or ()) - ATTENTION_LAYERS)
    if other or getattr(module, "_is_stateful", False):
        kinds = f" ({', '.join(other)})" if other else ""
        raise IncompatibleModel(f"{family} has recurrent layers{kinds}; take a model whose every layer is attention")
    if missing := {"inputs_embeds", "past_key_values"} - forward_arguments(module):
        raise IncompatibleModel(
            f"{family} does not take {' and '.join(sorted(missing))}; take a transformers model that does"
        )
    if getattr(config, "hidden_size_per_layer_input", None):
        raise IncompatibleModel(
            f"{family} adds token embeddings in every layer, which its input embeddings do not show; take a model "
            "whose hidden_size_per_layer_input is 0"
        )
    if getattr(config, "num_kv_shared_layers", 0):
        raise IncompatibleModel(
            f"{family} shares keys and values between layers; take a model whose num_kv_shared_layers is 0"
        )
    decoder = module.get_decoder() if hasattr(module, "get_decoder") else module
    if any(getattr(part, "is_causal", True) is False for part in decoder.modules()):
        raise IncompatibleModel(f"{family} attends to later tokens; take a causal decoder (is_decoder=True)")
    embedding = module.get_input_embeddings()
    if embedding.weight.is_meta and _offloading(embedding) is None:
        raise IncompatibleModel(f"{family} has no weights (meta device); load it, or offload it by accelerate")


def _offloading(module: Any) -> Any:
    """accelerate's hook that loads the weights of `module` when it is called, or None."""
    hook = getattr(module, "_hf_hook", None)
    chained = getattr(hook, "hooks", (hook,))
    return next((part for part in chained if getattr(part, "execution_device", None) is not None), None)


def _literal_encoder(backend: "Tokenizer") -> "Tokenizer":
    from tokenizers import Tokenizer, processors

    copy = Tokenizer.from_str(backend.to_str())
    copy.no_truncation()
    copy.no_padding()
    # A post-processor would add special tokens and cut blanks off offsets; this one does neither.
    copy.post_processor = processors.ByteLevel(trim_offsets=False)
    copy.encode_special_tokens = True
    return copy


def _folder(name: str) -> Path | None:
    """The local folder that `name` stands for, or None for a hub id."""
    if name in CATALOGUE:
        folder = cached_model(name)
        if folder is None:
            raise ConfigError(f"model {name!r} is not in the cache yet: run `heta model get {name}`")
        return folder
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if path.exists() or name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name:
        raise ConfigError(f"model {name!r}: no such folder; give a folder with a saved transformers model or a hub id")
    if "/" not in name and (near := suggest(name, CATALOGUE)):
        raise ConfigError(f"model {name!r} is neither a folder nor a name of the catalogue{near}")
    return None


def _device(device: str | None) -> "torch.device":
    import torch

    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        target = torch.device(device)
        torch.empty(0, device=target)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        there = "cpu, cuda" if torch.cuda.is_available() else "cpu"
        raise ConfigError(f"device {device!r} cannot be used: {reason}; there is {there}") from error
    return target


def _local_revision(folder: Path) -> str:
    """`weights_digest`, remembered in the cache by path, size and time of change: hashing gigabytes takes seconds."""
    marker = folder / MARKER
    # Elsewhere a copied marker could stand beside other weights.
    if folder.parent == cache_dir() / "models" and marker.is_file():
        return str(json.loads(marker.read_text(encoding="utf-8"))["weights"])
    files = sorted([*folder.glob("*.safetensors"), *folder.glob("pytorch_model*.bin"), *folder.glob("config.json")])
    state = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]
    key = hashlib.sha256(json.dumps([str(folder.resolve()), state]).encode("utf-8")).hexdigest()
    kept = cache_dir() / "fingerprints" / key
    if kept.is_file():
        return kept.read_text(encoding="ascii")
    digest = weights_digest(folder)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(f".{os.getpid()}")
        partial.write_text(digest, encoding="ascii")
        partial.replace(kept)
    except OSError as error:
        logger.warning("fingerprint of %s cannot be kept in %s: %s", folder, kept.parent, error)
    return digest
