"""That the simulated accelerator is what the tests take it for."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the simulated accelerator stands on torch")

DEVICE = "simulated"
MS = 1_000_000


@pytest.fixture
def events(accelerator):
    return [torch.Event(DEVICE, enable_timing=True) for _ in range(3)]


def test_kernels_take_what_they_were_given_and_the_host_does_not_wait(accelerator, events):
    first, middle, last = events
    accelerator.launch(20 * MS)  # what follows is issued before the device is done with this
    first.record()
    accelerator.launch(3 * MS)
    middle.record()
    for _ in range(4):
        accelerator.launch(MS // 2)
    last.record()
    assert not last.query()
    with pytest.raises(RuntimeError, match="must be completed"):
        first.elapsed_time(last)
    last.synchronize()
    assert first.elapsed_time(middle) == pytest.approx(3, abs=1e-6)
    assert middle.elapsed_time(last) == pytest.approx(2, abs=1e-6)


def test_a_stream_waits_for_an_event_of_another(accelerator, events):
    first, done, last = events
    stream = torch.Stream(DEVICE)
    first.record()
    accelerator.launch(20 * MS)
    done.record()
    with stream:
        done.wait(stream)
        accelerator.launch(MS)
        last.record()
    last.synchronize()
    assert done.elapsed_time(last) == pytest.approx(1, abs=1e-6)


def test_copies_take_their_bytes_over_the_bandwidth(accelerator, events):
    first, middle, last = events
    accelerator.set_bandwidth(1_000_000_000)
    source = torch.arange(1_000_000, dtype=torch.float32).pin_memory()
    target = torch.empty_like(source, device=DEVICE)
    accelerator.launch(20 * MS)
    first.record()
    target.copy_(source, non_blocking=True)
    middle.record()
    back = target.to("cpu", non_blocking=True)
    last.record()
    last.synchronize()
    assert torch.equal(source, back)
    assert first.elapsed_time(middle) == pytest.approx(4, abs=1e-6)
    assert middle.elapsed_time(last) == pytest.approx(4, abs=1e-6)


def test_what_is_not_simulated_is_computed_on_the_host(accelerator):
    values = torch.linspace(-1, 1, 12).reshape(3, 4)
    moved = values.to(DEVICE)
    assert moved.device.type == torch.accelerator.current_accelerator().type == DEVICE
    assert torch.equal((moved @ moved.T).relu().cpu(), (values @ values.T).relu())
    assert torch.equal(moved[1:, ::2].cpu(), values[1:, ::2])


def test_an_event_without_timing_tells_no_time(accelerator):
    first, last = (torch.Event(DEVICE) for _ in range(2))
    first.record()
    last.record()
    last.synchronize()
    with pytest.raises(ValueError, match="enable_timing"):
        first.elapsed_time(last)
