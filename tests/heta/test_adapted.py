"""Models that are not plain resident float32 ones: offloaded, adapted, saved in half precision."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
from accelerate import cpu_offload, disk_offload

from helpers.tiny_models import PROMPT, TARGET, tiny_model
from heta import load_model, prepare, wrap_model
from heta.curvature.options import CurvatureOptions
from heta.errors import ConfigError, IncompatibleModel, MissingDependency
from heta.model import LoadedModel
from heta.quiet import quiet_transformers

PARTS = ("model.embed_tokens", "model.layers.0", "model.layers.1", "model.norm", "model.rotary_emb", "lm_head")


def numbers(model: LoadedModel) -> dict[str, Any]:
    """Everything that is computed from a model."""
    prepared = prepare(model, PROMPT, TARGET)
    return {
        "transition": prepared.transition(),
        "information": prepared.information(),
        "curvature": prepared.curvature(CurvatureOptions(probes=2))[0],
        "gradient": prepared.gradient(),
        "log_probs": prepared.target.log_probs,
    }


def assert_agree(got: dict[str, Any], expected: dict[str, Any], share: float) -> None:
    """Each differs nowhere by more than `share` of its largest value."""
    for name, values in expected.items():
        np.testing.assert_allclose(got[name], values, rtol=0, atol=share * np.abs(values).max(), err_msg=name)


def rewrapped(model: LoadedModel, module: Any) -> LoadedModel:
    return wrap_model(module, model.tokenizer, name="changed")


def save(module: Any, model: LoadedModel, folder: Path) -> Path:
    with quiet_transformers():
        module.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HETA_CACHE", str(tmp_path / "cache"))
    resident = tiny_model(dtype="float32")
    return save(resident.module, resident, tmp_path / "tiny")


@pytest.mark.parametrize("where", ["cpu", "disk"])
@pytest.mark.parametrize("family", ["llama", "gpt2", "gpt_oss", "falcon_grouped"])
def test_offloaded_weights_give_the_same_numbers(family: str, where: str, tmp_path: Path) -> None:
    resident = tiny_model(family, dtype="float32")
    module = copy.deepcopy(resident.module)
    if where == "cpu":
        cpu_offload(module, execution_device=torch.device("cpu"))
    else:
        disk_offload(module, str(tmp_path), execution_device=torch.device("cpu"))
    offloaded = rewrapped(resident, module)
    assert all(parameter.is_meta for parameter in module.parameters())
    assert offloaded.device == torch.device("cpu")
    # The same weights through the same kernels; value norms take another route, good to float32 rounding.
    assert_agree(numbers(offloaded), numbers(resident), 1e-6)
    assert all(parameter.is_meta for parameter in module.parameters())


@pytest.mark.parametrize("on_disk", [("model.layers.1",), ("model.embed_tokens", "lm_head"), PARTS, ()])
def test_a_device_map_gives_the_same_numbers(saved: Path, on_disk: tuple[str, ...]) -> None:
    mapped = load_model(str(saved), device_map={part: "disk" if part in on_disk else "cpu" for part in PARTS})
    away = {name for name, parameter in mapped.module.named_parameters() if parameter.is_meta}
    assert away == {name for name, _ in mapped.module.named_parameters() if name.startswith(on_disk) and on_disk}
    assert_agree(numbers(mapped), numbers(tiny_model(dtype="float32")), 1e-6)


def test_a_device_map_excludes_a_device(saved: Path) -> None:
    with pytest.raises(ConfigError, match="device 'cpu' and device_map were both given"):
        load_model(str(saved), device="cpu", device_map="auto")


def test_a_device_map_needs_accelerate(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heta.model.find_spec", lambda _: None)
    with pytest.raises(MissingDependency, match=r"needs accelerate: pip install 'heta-bench\[models\]'"):
        load_model(str(saved), device_map="auto")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_saved_in_half_precision_are_computed_in_single(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    monkeypatch.setenv("HETA_CACHE", str(tmp_path / "cache"))
    resident = tiny_model(dtype="float32")
    half = copy.deepcopy(resident.module).to(dtype)
    folder = save(half, resident, tmp_path / "half")
    loaded = load_model(str(folder))
    assert loaded.dtype == torch.float32
    got = numbers(loaded)
    # What rounding the weights, and nothing else, and computing in float32 gives ...
    rounded = copy.deepcopy(resident.module)
    for parameter in rounded.parameters():
        parameter.copy_(parameter.to(dtype))
    assert_agree(got, numbers(rewrapped(resident, rounded)), 1e-6)
    # ... from disk too ...
    assert_agree(numbers(load_model(str(folder), device_map={"": "disk"})), got, 1e-6)
    # ... and away from the weights before rounding by what rounding is: 2^-9 = 0.2 % a weight in bfloat16.
    assert_agree(got, numbers(resident), 0.03)


def test_a_mixture_of_experts_loads_in_double_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HETA_CACHE", str(tmp_path / "cache"))
    resident = tiny_model("gpt_oss")
    loaded = load_model(str(save(resident.module, resident, tmp_path / "experts")), dtype="float64")
    assert_agree(numbers(loaded), numbers(resident), 1e-9)


# peft asks transformers for a property that goes by another name now.
pefts_warning = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
ADAPTERS = {
    "llama": ["q_proj", "v_proj", "o_proj", "down_proj"],
    "gpt2": ["c_attn", "c_proj"],
    "falcon_grouped": ["query_key_value", "dense"],
}


@pefts_warning
@pytest.mark.parametrize("family", ADAPTERS)
def test_adapters_give_the_numbers_of_the_merged_model(family: str) -> None:
    resident = tiny_model(family)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        # Weights that differ from 0 from the start, and dropout that would show in training mode.
        config = peft.LoraConfig(
            r=4,
            target_modules=ADAPTERS[family],
            init_lora_weights=False,
            lora_dropout=0.5,
            fan_in_fan_out=family == "gpt2",
        )
        adapted = peft.get_peft_model(copy.deepcopy(resident.module), config).double()
    trained = [name for name, parameter in adapted.named_parameters() if parameter.requires_grad]
    got = numbers(rewrapped(resident, adapted.train()))
    assert adapted.training
    assert trained == [name for name, parameter in adapted.named_parameters() if parameter.requires_grad] != []
    merged = numbers(rewrapped(resident, adapted.merge_and_unload().double()))
    assert_agree(got, merged, 1e-6)
    # The adapter does something.
    assert not np.allclose(got["transition"], numbers(resident)["transition"], rtol=1e-2)


@pefts_warning
def test_prompt_learning_is_not_mistaken_for_the_model() -> None:
    # Learned positions in front of the prompt shift every position: nothing here is prepared for that.
    resident = tiny_model()
    config = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3)
    module = peft.get_peft_model(copy.deepcopy(resident.module), config).double()
    with pytest.raises(IncompatibleModel, match="learned positions in front of the prompt"):
        numbers(rewrapped(resident, module))
