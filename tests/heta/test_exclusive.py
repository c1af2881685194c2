"""The lock of a model: alone, frozen, and given back as it was."""

import threading

import pytest
import torch

from heta.exclusive import ModelLock


def module() -> torch.nn.Sequential:
    made = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.5))
    made[0].bias.requires_grad_(False)
    made[1].eval()
    return made


def state(made: torch.nn.Module) -> list[bool]:
    return [*(part.training for part in made.modules()), *(own.requires_grad for own in made.parameters())]


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_inside_it_is_frozen_and_outside_as_before(error: type[BaseException] | None) -> None:
    made = module()
    lock, before = ModelLock(made), state(made)
    # The whole and the Linear train, the Dropout does not; the weight asks for a gradient, the bias does not.
    assert before == [True, True, False, True, False]
    with pytest.raises(LookupError if error is None else error), lock:
        with lock:
            assert not any(state(made))
        assert not any(state(made))
        raise LookupError if error is None else error
    assert state(made) == before


def test_a_parameter_put_in_place_of_another_gets_its_gradient_back() -> None:
    # Offloading does that at every call.
    made = module()
    with ModelLock(made):
        made[0].weight = torch.nn.Parameter(made[0].weight.detach().clone(), requires_grad=False)
    assert made[0].weight.requires_grad


def test_a_second_thread_waits() -> None:
    made = module()
    lock, seen = ModelLock(made), []

    def work() -> None:
        with lock:
            seen.append(any(state(made)))

    with lock:
        thread = threading.Thread(target=work)
        thread.start()
        assert seen == []
    thread.join()
    assert seen == [False]


def test_what_cannot_be_frozen_leaves_the_lock_free(monkeypatch: pytest.MonkeyPatch) -> None:
    made = module()
    lock, before = ModelLock(made), state(made)

    def refuse(*_: object) -> None:
        raise RuntimeError("no")

    with monkeypatch.context() as patch:
        patch.setattr(made[0], "get_parameter", refuse)
        with pytest.raises(RuntimeError, match="no"):
            lock.__enter__()
    assert state(made) == before
    with lock:
        assert not any(state(made))
