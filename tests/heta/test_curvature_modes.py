"""Every mode of the curvature, and every option of it, against exact oracles of two-layer models in float64."""

import re
import threading
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from helpers import oracles
from helpers.tiny_models import FAMILIES, PROMPT, TARGET, tiny_model, tiny_tokenizer
from heta import Prepared, create_method, prepare, wrap_model
from heta.curvature.options import CurvatureOptions, Mode
from heta.curvature.probes import rademacher, rademacher_of
from heta.errors import ConfigError, IncompatibleModel
from heta.isolated import _cut
from heta.windows import Windows

PROBES = 4


def s_of(prepared: Prepared, **options: Any) -> np.ndarray:
    """S of the scored tokens, `[..., scored]`."""
    values, _ = prepared.curvature(CurvatureOptions(**{"probes": PROBES, **options}))
    return values[..., prepared.positions]


def joint_hessian(prepared: Prepared, family: str = "llama") -> torch.Tensor:
    """H over the scored tokens, `[scored, d_model, scored, d_model]`."""
    model, base = tiny_model(family), prepared.base
    ids = [*prepared.encoding.prompt_ids, *prepared.explained.before, *prepared.explained.target_ids[:-1]]
    rows = oracles.hessian(model, oracles.embed(model, ids), base.read, base.target_ids.tolist(), prepared.positions)
    return rows[:, :, prepared.positions]


@pytest.mark.parametrize("product", ["jvp", "double_backward"])
@pytest.mark.parametrize("family", FAMILIES)
def test_second_derivatives_need_no_step(family: str, product: str) -> None:
    prepared = prepare(tiny_model(family), PROMPT, TARGET)
    if (family, product) == ("bloom", "jvp"):
        # BLOOM's GeLU is a function of its own, with a rule for reverse mode only.
        with pytest.raises(IncompatibleModel, match="take product=double_backward"):
            s_of(prepared, product=product)
        return
    joint = joint_hessian(prepared, family)
    expected = [
        float((rademacher(0, position, PROBES, joint.shape[1]).double() @ joint[i, :, i]).abs().sum(-1).mean())
        for i, position in enumerate(prepared.positions)
    ]
    # No difference step, so only rounding is left (norms of the Llama type round to float32 inside).
    np.testing.assert_allclose(s_of(prepared, product=product), expected, rtol=1e-4)


def test_low_rank_converges_to_exact_as_the_rank_grows() -> None:
    prepared = prepare(tiny_model("gpt2"), PROMPT, TARGET)
    exact = s_of(prepared)
    full = len(prepared.positions) * prepared.embeddings().shape[1]
    errors, residuals = [], []
    for rank in (8, 64, full):
        values, (note,) = prepared.curvature(
            CurvatureOptions(curvature="low_rank", rank=rank, oversampling=4, probes=PROBES)
        )
        errors.append(float(np.abs(values[prepared.positions] / exact - 1).max()))
        residuals.append(float(note.split("residual ")[1].split(" ")[0]))
    assert errors == sorted(errors, reverse=True)
    assert residuals == sorted(residuals, reverse=True)
    # At full rank Q B Q' is H itself, up to the difference step.
    assert errors[-1] < 0.02
    assert residuals[-1] < 0.02
    assert errors[0] > 0.1


def test_low_rank_is_the_projection_of_the_hessian_on_its_range() -> None:
    prepared = prepare(tiny_model(), PROMPT, " green")
    joint = joint_hessian(prepared)
    count, width = joint.shape[:2]
    h = joint.reshape(count * width, -1)
    generator = torch.Generator().manual_seed(7)
    torch.randn(2, count, width, generator=generator)  # the vectors of the residual are drawn first
    start = torch.randn(12, count, width, generator=generator).double().flatten(1)
    basis = torch.linalg.qr(h @ start.T).Q
    near = (basis @ (basis.T @ h @ basis) @ basis.T).reshape(count, width, count, width)
    draws = rademacher_of(7, prepared.positions, PROBES, width).double()
    expected = torch.stack([(draws[:, i] @ near[i, :, i]).abs().sum(-1).mean() for i in range(count)])
    got = s_of(prepared, curvature="low_rank", rank=8, oversampling=4, seed=7)
    np.testing.assert_allclose(got, expected.numpy(), rtol=5e-2)


@pytest.mark.parametrize("target", [TARGET, " green"])
def test_fisher_of_the_likeliest_outputs(target: str) -> None:
    model = tiny_model()
    prepared = prepare(model, PROMPT, target)
    base, outputs = prepared.base, 5
    ids = [*prepared.encoding.prompt_ids, *prepared.encoding.target_ids[:-1]]
    leaf = oracles.embed(model, ids).requires_grad_(True)
    log_probs = oracles.log_probs(model, leaf)[list(base.read)]
    # G = sum over steps and outputs of p grad log p grad log p'.
    width = leaf.shape[1]
    blocks = torch.zeros(len(prepared.positions), width, width, dtype=torch.float64)
    for row in log_probs:
        best = row.topk(outputs)
        for value in best.values:
            (gradient,) = torch.autograd.grad(value, leaf, retain_graph=True)
            at = gradient[prepared.positions]
            blocks += value.detach().exp() * torch.einsum("id,ie->ide", at, at)
    expected = [
        float((rademacher(0, position, PROBES, width).double() @ block).abs().sum(-1).mean())
        for position, block in zip(prepared.positions, blocks, strict=True)
    ]
    np.testing.assert_allclose(s_of(prepared, curvature="fisher", outputs=outputs), expected, rtol=1e-4)
    _, (note,) = prepared.curvature(CurvatureOptions(curvature="fisher", outputs=outputs))
    left_out = float(1 - log_probs.detach().topk(outputs).values.exp().sum(-1).min())
    assert f"{left_out:.2g} of p" in note


class TestHessianLayer:
    def test_the_bottom_layer_is_the_embeddings(self) -> None:
        # Llama adds nothing to the embeddings before layer 0, and L - 2 = 0 here.
        prepared = prepare(tiny_model(), PROMPT, TARGET)
        np.testing.assert_allclose(s_of(prepared, hessian_layer=2), s_of(prepared), rtol=1e-9)

    @pytest.mark.parametrize("family", FAMILIES)
    def test_the_top_layer_against_the_exact_hessian(self, family: str) -> None:
        model = tiny_model(family)
        prepared = prepare(model, PROMPT, TARGET)
        ids = [*prepared.encoding.prompt_ids, *prepared.encoding.target_ids[:-1]]
        embeddings = oracles.embed(model, ids)
        blocks = oracles.hessian_blocks_at_layer(
            model, embeddings, prepared.base.read, prepared.base.target_ids.tolist(), 1, prepared.positions[-4:]
        )
        expected = [
            float((rademacher(0, position, PROBES, block.shape[0]).double() @ block).abs().sum(-1).mean())
            for position, block in zip(prepared.positions[-4:], blocks, strict=True)
        ]
        # Second derivatives, because one of OPT's ReLUs bends within the difference step.
        got = s_of(prepared, hessian_layer=1, product="double_backward")[-4:]
        np.testing.assert_allclose(got, expected, rtol=1e-4)
        if family != "opt":
            np.testing.assert_allclose(s_of(prepared, hessian_layer=1)[-4:], expected, rtol=1e-2)

    def test_a_family_that_scales_its_input_in_place_keeps_its_base_pass(self) -> None:
        tokenizer = tiny_tokenizer()
        config = transformers.CTRLConfig(
            vocab_size=len(tokenizer), n_positions=64, n_embd=32, dff=48, n_layer=2, n_head=4
        )
        module = transformers.AutoModelForCausalLM.from_config(config).double()
        prepared = prepare(wrap_model(module, tokenizer, name="ctrl"), PROMPT, TARGET)
        before = prepared.base.embeddings.clone()
        s_of(prepared, hessian_layer=1)
        assert torch.equal(prepared.base.embeddings, before)

    def test_another_thread_does_not_see_the_layers_below_left_out(self) -> None:
        model = tiny_model(seed=12)
        objective = prepare(model, PROMPT, TARGET).objective(1)
        entered: list[bool] = []

        def work() -> None:
            objective.values(1, objective.vectors[:, 1:])
            entered.append(True)

        with model.lock:
            thread = threading.Thread(target=work)
            thread.start()
            thread.join(timeout=0.5)
            assert not entered
            assert not any("forward" in module.__dict__ for module in model.module.modules())
        thread.join()
        assert entered

    def test_the_model_is_left_as_it_was(self) -> None:
        model = tiny_model(seed=11)
        before = prepare(model, PROMPT, TARGET).information()
        s_of(prepare(model, PROMPT, TARGET), hessian_layer=1)
        assert not any("forward" in module.__dict__ for module in model.module.modules())
        assert not any(module._forward_pre_hooks for module in model.module.modules())
        np.testing.assert_array_equal(prepare(model, PROMPT, TARGET).information(), before)

    def test_more_layers_than_there_are(self) -> None:
        with pytest.raises(ConfigError, match="hessian_layer is 3, tiny-llama has 2 layers: allowed are 1 to 2"):
            s_of(prepare(tiny_model(), PROMPT, TARGET), hessian_layer=3)


class TestWindows:
    def test_one_pass_in_windows_holds_only_their_own_blocks(self) -> None:
        prepared = prepare(tiny_model(), PROMPT, TARGET)
        joint = joint_hessian(prepared)
        count, width = joint.shape[:2]
        draws = rademacher_of(0, prepared.positions, PROBES, width).double()
        # Windows of 8 with half of it shared: 0-8, 4-12, ..., the last one moved back.
        stops = [*range(8, count, 4), count]
        total, held = torch.zeros(count, dtype=torch.float64), torch.zeros(count)
        for stop in stops:
            inside = slice(stop - 8, stop)
            products = torch.einsum("iajb,kjb->kia", joint[inside][:, :, inside], draws[:, inside])
            total[inside] += products.abs().sum(-1).mean(0)
            held[inside] += 1
        method = create_method("heta_fast", probes=PROBES, window=8)
        got = prepared.attribute(method).components["curvature"][prepared.positions]
        np.testing.assert_allclose(got, (total / held).numpy(), rtol=3e-2)
        whole = prepared.attribute(create_method("heta_fast", probes=PROBES)).components["curvature"]
        assert not np.allclose(got, whole[prepared.positions], rtol=0.05)

    @pytest.mark.parametrize("mode", ["fisher", "low_rank"])
    def test_isolated_windows_say_once_what_the_worst_of_them_leaves_out(self, mode: Mode) -> None:
        prepared = prepare(tiny_model(), PROMPT, TARGET)
        windows = Windows(6, 0.0, "isolated")
        options = CurvatureOptions(curvature=mode)
        (said,) = prepared.curvature(options, windows)[1]
        # Each window by itself says a figure of its own.
        alone = [part.curvature(options)[1][0] for _, part in _cut(prepared, windows)]
        assert len(set(alone)) > 1
        figures = [float(re.search(r"(?:up to|residual) (\S+)", note)[1]) for note in (said, *alone)]
        assert figures[0] == max(figures[1:])

    def test_isolated_windows_are_prompts_of_their_own(self) -> None:
        model = tiny_model()
        prepared = prepare(model, PROMPT, TARGET)
        ids = prepared.encoding.prompt_ids
        half = (len(ids) + 1) // 2
        method = create_method("heta", probes=2, window=half, overlap=0.0, windows="isolated")
        got = prepared.attribute(method).components["information"]
        # Two windows, the second one moved back to be as long as the first, with BOS in front and the target behind.
        target = list(prepared.encoding.target_ids)
        expected, held = np.zeros(len(ids)), np.zeros(len(ids))
        for begin in (0, len(ids) - half):
            lead = [ids[0]] if begin else []
            inside = list(ids[begin : begin + half])
            context = [*lead, *inside]
            read = [len(context) - 1 + step for step in range(len(target))]
            scored = [len(lead) + k for k in range(half) if prepared.encoding.scored[begin + k]]
            values = oracles.information(model, oracles.embed(model, [*context, *target[:-1]]), read, scored)
            places = [begin + k - len(lead) for k in scored]
            expected[places] += values.numpy()
            held[begin : begin + half] += 1
        np.testing.assert_allclose(got, expected / held * prepared.encoding.scored, atol=1e-6)

    def test_a_window_without_bos_has_an_unscored_token_in_front(self) -> None:
        prepared = prepare(tiny_model(bos=False), PROMPT, TARGET)
        parts = _cut(prepared, Windows(6, 0.0, "isolated"))
        assert len(parts) > 2
        for window, part in parts:
            assert not part.encoding.scored[0]
            lead = len(part.encoding.prompt_ids) - len(window)
            assert lead == (1 if window.start else 0)
            assert part.encoding.prompt_ids[:lead] == prepared.encoding.prompt_ids[window.start - lead : window.start]
            np.testing.assert_array_equal(
                part.encoding.scored[lead:], prepared.encoding.scored[window.start : window.stop]
            )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 3}, "rank is read by curvature=low_rank only, not by exact"),
        ({"outputs": 3, "curvature": "one_pass"}, "outputs is read by curvature=fisher only"),
        ({"product": "jvp", "curvature": "one_pass"}, "product is read by curvature=exact only"),
        ({"product": "jvp", "step": 0.01}, "step is read by finite differences only"),
        ({"beta": 0.0, "curvature": "screened"}, "nothing to screen"),
        ({"seed": 2**63}, "less than 9223372036854775808"),
        ({"top": 3}, "top is read by curvature=screened only"),
        ({"overlap": 0.5}, "overlap needs a window"),
        ({"window": 8}, "probes each alone"),
        ({"window": 8, "windows": "isolated", "curvature": "screened"}, "take curvature=exact"),
    ],
)
def test_options_that_would_do_nothing_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        create_method("heta", **options)


def test_config_names_only_what_acts() -> None:
    exact, fisher = create_method("heta").config, create_method("heta", curvature="fisher").config
    assert not {"outputs", "rank", "top", "overlap", "windows"} & set(exact)
    assert "outputs" in fisher
    assert "step" not in fisher
    assert exact["curvature"] == "exact"
    assert create_method("heta_fast").config["curvature"] == "one_pass"


def test_probes_are_the_same_however_many_are_drawn() -> None:
    for width in (7, 30, 576):
        assert torch.equal(rademacher(1, 5, 3, width), rademacher(1, 5, 40, width)[:3])


def test_methods_share_the_curvature_they_have_in_common() -> None:
    prepared = prepare(tiny_model(), PROMPT, TARGET)
    fast = prepared.attribute(create_method("heta_fast"))
    again = create_method("heta", curvature="one_pass", probes=3, beta=0.1)
    assert again.options.key() == create_method("heta_fast").options.key()
    assert prepared.attribute(again).components["curvature"].tolist() == fast.components["curvature"].tolist()
    assert create_method("heta").options.key() != create_method("heta", seed=1).options.key()
