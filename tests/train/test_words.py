"""Words beside torch's classes: what `regularize`, `swa`, groups under cycles and others do to the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LinearLR, LRScheduler, OneCycleLR, ReduceLROnPlateau
from torch.optim.swa_utils import SWALR, AveragedModel, update_bn

from archlang.diagnostics import Rejected
from archlang.lower import module
from archlang.program import program_of
from archlang.recipes import Evaluated
from archlang.recipes.fitting import Fitted
from archlang.train.data import open_data
from archlang.train.keys import key
from archlang.train.making import terms
from archlang.train.pca import PcaColor, principal_axes
from tests.train.recipes import lines_of, recipe_of, told
from tests.train.test_running import ran, weights

Update = Callable[[nn.Module, int, int], None]


class Loop:
    """A loop by hand over the digits: the net `tiny`, SGD with momentum, cross entropy, batches of 64."""

    def __init__(self, made: Evaluated, **optimizer: Any) -> None:
        fields: Any = open_data(made.recipe.data, None).training
        self.images, self.labels = fields.fields["image"].float() / 255, fields.fields["label"]
        self.net = module(program_of(made.graph), 0).train()
        self.optimizer = torch.optim.SGD(self.net.parameters(), **cast(Any, {"lr": 0.1, "momentum": 0.9, **optimizer}))
        self.penalty: Callable[[nn.Module], Tensor | float] = lambda net: 0.0
        self.after: Callable[[], None] = lambda: None

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of an epoch."""
        generator = torch.Generator().manual_seed(key(0, "order", epoch))
        for chosen in torch.randperm(len(self.labels), generator=generator).split(64):
            yield self.images[chosen], self.labels[chosen]

    def epoch(self, epoch: int) -> None:
        """Train for an epoch."""
        self.net.train()
        for images, labels in self.batches(epoch):
            loss = nn.functional.cross_entropy(self.net(images), labels) + self.penalty(self.net)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.after()


def compare(found: dict[str, Tensor], net: nn.Module) -> None:
    """Assert that two nets have nearly the same weights."""
    for name, value in net.state_dict().items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5)


def raw(**changed: str) -> str:
    """Return a recipe without transforms, of one epoch."""
    return lines_of(**{"view": "", "epochs": "epochs 1", **changed})


def test_l1_and_l2_are_summands_of_the_loss(tmp_path: Path) -> None:
    made = recipe_of(raw(a="regularize conv1 fc.weight l1=1e-3", b="regularize l2=1e-3"))
    assert ran(made, tmp_path) is not None
    loop = Loop(made)

    def penalty(net: nn.Module) -> Tensor:
        every = dict(net.named_parameters())
        some = every["conv1.weight"].abs().sum() + every["conv1.bias"].abs().sum() + every["fc.weight"].abs().sum()
        return 1e-3 * some + 1e-3 * torch.stack([one.square().sum() for one in every.values()]).sum()

    loop.penalty = penalty
    loop.epoch(0)
    compare(weights(tmp_path), loop.net)


def test_maxnorm_limits_the_weights_of_each_unit(tmp_path: Path) -> None:
    made = recipe_of(raw(a="regularize maxnorm=0.3"))
    assert ran(made, tmp_path) is not None
    loop = Loop(made)

    def limit() -> None:
        with torch.no_grad():
            for one in loop.net.parameters():
                if one.dim() > 1:
                    norms = one.flatten(1).norm(dim=1)
                    one.mul_((0.3 / norms.clamp_min(0.3)).view(-1, *[1] * (one.dim() - 1)))

    loop.after = limit
    loop.epoch(0)
    found = weights(tmp_path)
    compare(found, loop.net)
    assert found["fc.weight"].norm(dim=1).max() < 0.3001 < found["fc.weight"].norm()


def test_swa_averages_the_last_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archlang.train.running.SAVED_EVERY", 0.0)
    made = recipe_of(
        lines_of(view="", epochs="epochs 4", swa="swa start=2 lr=0.02 anneal_epochs=1", s="schedule step step_size=1")
    )
    outcome = ran(made, tmp_path / "whole")
    assert outcome is not None
    loop = Loop(made)
    average, swa = AveragedModel(loop.net), None
    schedule = torch.optim.lr_scheduler.StepLR(loop.optimizer, 1)
    for epoch in range(4):
        loop.epoch(epoch)
        if epoch >= 2:
            swa = swa or SWALR(loop.optimizer, 0.02, anneal_epochs=1)
            average.update_parameters(loop.net)
            swa.step()
        else:
            schedule.step()
    update_bn(((images,) for images, _ in loop.batches(3)), average)
    from archlang.train.checkpoints import read

    state: Any = read(tmp_path / "whole" / "last.pt")
    compare(state["state_dict"], loop.net)
    for name, value in average.state_dict().items():
        torch.testing.assert_close(state["average"][name], value, rtol=1e-4, atol=1e-5)
    assert [row["lr"] for row in outcome.rows] == pytest.approx([0.01, 0.001, 0.02, 0.02])
    for stop in (30, 60, 91):  # before the first averaged epoch, in it, and in the last one
        folder = tmp_path / str(stop)
        assert ran(made, folder, stop_at=stop) is None
        assert ran(made, folder, resume=True) is not None
        again: Any = read(folder / "last.pt")
        for name, value in state["average"].items():
            assert torch.equal(value, again["average"][name]), name


def test_a_plateau_follows_a_warm_up(tmp_path: Path) -> None:
    text = lines_of(
        view="", epochs="epochs 6", optimizer="optimizer sgd lr=1e-6",
        s="schedule warmup 2 start_factor=0.5 -> reduceonplateau patience=1 threshold=0.5 by=epoch",
    )  # fmt: skip
    made = recipe_of(text)
    outcome = ran(made, tmp_path)
    assert outcome is not None
    net = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(net.parameters(), 1e-6)
    warm = LinearLR(optimizer, 0.5, total_iters=2)
    optimizer.step()
    plateau = ReduceLROnPlateau(optimizer, patience=1, threshold=0.5)
    rates: list[float] = []
    for epoch, row in enumerate(outcome.rows):
        if epoch < 2:
            warm.step()
        rates.append(optimizer.param_groups[0]["lr"])
        if epoch >= 1:
            plateau.step(row["held-out loss"])
    assert [row["lr"] for row in outcome.rows] == pytest.approx(rates, rel=1e-12)
    assert rates[-1] < rates[2]


def test_a_group_cycles_with_a_rate_of_its_own(tmp_path: Path) -> None:
    made = recipe_of(
        raw(optimizer="optimizer sgd momentum=0.9", g="group fc lr=0.01", s="schedule onecycle max_lr=0.1 by=step")
    )
    assert ran(made, tmp_path) is not None
    loop = Loop(made)
    others = [one for name, one in loop.net.named_parameters() if not name.startswith("fc")]
    head = [one for name, one in loop.net.named_parameters() if name.startswith("fc")]
    loop.optimizer = torch.optim.SGD([{"params": others}, {"params": head}], 0.1, momentum=0.9)
    cycle: LRScheduler = OneCycleLR(loop.optimizer, [0.1, 0.01], total_steps=23)
    steps: list[int] = []

    def after() -> None:
        steps.append(1)
        if len(steps) < 23:
            cycle.step()

    loop.after = after
    loop.epoch(0)
    compare(weights(tmp_path), loop.net)


def test_activations_are_made_sparse(tmp_path: Path) -> None:
    made = recipe_of(raw(more="loss 0.01 * magnitude features", steps="steps 1", epochs=""))
    outcome = ran(made, tmp_path)
    assert outcome is not None
    loop = Loop(made)
    images, labels = next(loop.batches(0))
    normed = loop.net.get_submodule("bn1")(loop.net.get_submodule("conv1")(images))
    features = nn.functional.max_pool2d(normed.relu(), 2)
    loss = nn.functional.cross_entropy(loop.net(images), labels) + 0.01 * features.abs().mean()
    assert outcome.last["training loss"] == pytest.approx(loss.item(), rel=1e-6)


def test_noise_of_colours_lies_along_their_axes() -> None:
    generator = torch.Generator().manual_seed(0)
    images = [torch.randint(256, (3, 8, 8), generator=generator).to(torch.uint8) for _ in range(5)]
    variances, axes = principal_axes(images)
    pixels = torch.stack(images).double().div(255).movedim(1, 0).flatten(1)
    vectors = torch.tensor(axes, dtype=torch.float64)
    expected = torch.cov(pixels, correction=0)
    torch.testing.assert_close(
        vectors @ torch.tensor(variances).double().diag() @ vectors.T, expected, rtol=1e-5, atol=1e-8
    )
    torch.manual_seed(1)
    changed = PcaColor(0.1, variances, axes)({"image": images[0].float() / 255})["image"]
    torch.manual_seed(1)
    color = (vectors.float() @ (torch.tensor(variances) * torch.randn(3) * 0.1)).view(3, 1, 1)
    torch.testing.assert_close(changed.as_subclass(Tensor), images[0].float() / 255 + color)
    bytes_too = PcaColor(20.0, variances, axes)({"image": images[0]})["image"]
    assert bytes_too.dtype == torch.uint8 and not torch.equal(bytes_too.as_subclass(Tensor), images[0])
    with pytest.raises(Rejected, match="3 colours"):
        principal_axes([torch.zeros(1, 2, 2)])


def messages(**changed: str) -> list[str]:
    """Return the messages about a recipe, each with its help."""
    _, wrong = told(lines_of(**changed))
    return [one.message + (f" | {one.help}" if one.help else "") for one in wrong]


def test_settings_that_would_have_no_effect_are_told() -> None:
    assert messages(s="schedule onecycle max_lr=0.2") == [
        "`onecycle` sets the rate by its `max_lr`, and `lr` of `sgd` is another | write `max_lr=0.1`, or leave `lr` out"
    ]
    assert messages(optimizer="optimizer adagrad", s="schedule onecycle max_lr=0.2") == [
        "`onecycle` cycles the momentum, and `adagrad` has none | write `cycle_momentum=false`"
    ]
    assert messages(s="schedule onecycle max_lr=0.1", g="group fc momentum=0.5") == [
        "`onecycle` cycles the momentum of all groups, so that `momentum` has no effect | write `cycle_momentum=false`"
    ]
    assert messages(e="ema 0.9", s="swa start=1 lr=0.1") == [
        "`ema` and `swa` both average the weights, and one average is kept"
    ]
    assert messages(s="swa start=2 lr=0.1") == ["the average of `swa` begins behind epoch 2, and the run has 2 epochs"]
    assert messages(s="schedule step step_size=3") == ["`step` reaches to epoch 3, and the run ends at epoch 2"]
    assert messages(s="schedule warmup 9 -> reduceonplateau patience=1 by=step") == []  # 9 steps are no epochs
    assert messages(s="schedule warmup 9 -> reduceonplateau patience=3 by=step") == [
        "`reduceonplateau` reaches to epoch 3, and the run ends at epoch 2"
    ]
    assert messages(s="schedule onecycle max_lr=0.1 total_steps=1") == [
        "`onecycle` reaches to epoch 1, and the run ends at epoch 2"
    ]
    assert messages(r="regularize fc.bias maxnorm=1") == [
        "`maxnorm` limits the weights of each unit, and `fc.bias` has none with units"
    ]
    assert messages(m="metric mae") == ["`mae` measures numbers, and the first loss of the recipe compares none"]
    assert messages(r="regularize") == ["`regularize` needs `l1`, `l2` or `maxnorm`: `regularize fc maxnorm=3`"]


def test_weights_of_classes_are_where_the_scores_are() -> None:
    made = recipe_of(lines_of(loss=f"loss crossentropy weight={[1.0] * 10}"))
    (term,) = terms(Fitted(made.recipe, made.graph), device="meta")
    scores, labels = torch.empty(4, 10, device="meta"), torch.empty(4, dtype=torch.int64, device="meta")
    assert term.of({term.names[0]: scores, term.names[1]: labels}).device.type == "meta"


def test_a_run_in_steps_is_compared_with_what_counts_epochs(tmp_path: Path) -> None:
    """But `--set steps=2` tries a recipe for a moment."""
    schedule = "schedule multistep milestones=[1, 2] by=epoch"
    with pytest.raises(Rejected) as caught:
        ran(recipe_of(lines_of(epochs="steps 3", schedule=schedule)), tmp_path / "a")
    assert caught.value.code == "out-of-range"
    assert ran(recipe_of(lines_of(epochs="epochs 3", schedule=schedule), steps="3"), tmp_path / "b") is not None


def test_a_schedule_in_steps_is_compared_when_the_data_is_read(tmp_path: Path) -> None:
    made = recipe_of(lines_of(s="schedule multistep milestones=[10, 900] by=step"))
    with pytest.raises(Rejected) as caught:
        ran(made, tmp_path / "run")
    assert caught.value.message == "`multistep` reaches to step 900, and the run ends at step 46"
    assert not (tmp_path / "run").exists()


def test_muon_trains_matrices_and_another_optimiser_the_rest(tmp_path: Path) -> None:
    text = raw(optimizer="optimizer muon lr=0.02 weight_decay=0", rest="rest adamw lr=0.003", g="group biases lr=0.001",
               s="schedule step step_size=1", epochs="epochs 2")  # fmt: skip
    made = recipe_of(text)
    assert ran(made, tmp_path / "whole") is not None
    loop = Loop(made)
    every = dict(loop.net.named_parameters())
    muon: Any = torch.optim.Muon([every["fc.weight"]], lr=0.02, weight_decay=0)
    biases = [one for name, one in every.items() if name.endswith("bias")]
    others = [every["conv1.weight"], every["bn1.weight"]]
    groups: list[dict[str, Any]] = [{"params": others}, {"params": biases, "lr": 0.001}]
    adamw: Any = torch.optim.AdamW(groups, lr=0.003)
    schedules = [torch.optim.lr_scheduler.StepLR(one, 1) for one in (muon, adamw)]
    for epoch in range(2):
        for images, labels in loop.batches(epoch):
            loss = nn.functional.cross_entropy(loop.net(images), labels)
            for one in (muon, adamw):
                one.zero_grad()
            loss.backward()
            for one in (muon, adamw):
                one.step()
        for schedule in schedules:
            schedule.step()
    compare(weights(tmp_path / "whole"), loop.net)


def test_two_optimisers_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archlang.train.running.SAVED_EVERY", 0.0)
    made = recipe_of(raw(optimizer="optimizer muon lr=0.02", rest="rest sgd lr=0.1 momentum=0.9"))
    assert ran(made, tmp_path / "whole") is not None
    assert ran(made, tmp_path / "broken", stop_at=9) is None
    assert ran(made, tmp_path / "broken", resume=True) is not None
    for name, value in weights(tmp_path / "whole").items():
        assert torch.equal(value, weights(tmp_path / "broken")[name]), name


def test_what_an_optimiser_does_not_take_is_told() -> None:
    assert messages(optimizer="optimizer muon lr=0.02") == [
        "`muon` trains matrices alone, and `conv1.weight` has 4 axes | write `rest adamw lr=3e-4`"
    ]
    assert messages(r="rest adamw") == ["`sgd` trains all parameters, and leaves none to a `rest`"]
    assert messages(optimizer="optimizer muon", r="rest adamw fc") == ["all parameters are those of `adamw`"]
    assert messages(optimizer="optimizer muon", r="rest adamw", s="schedule onecycle max_lr=0.1") == [
        "`onecycle` sets one rate, and two optimisers have two | write `warmup` and `cosineannealing`"
    ]
    assert messages(optimizer="optimizer muon", r="rest adamw", g="group biases ns_steps=3") == [
        "`adamw`, which trains a part of this group, has no argument `ns_steps`"
    ]
    assert messages(optimizer="optimizer muon", r="rest muon") == [
        "`muon` trains matrices alone; `rest` is for all else | write `rest adamw lr=3e-4`"
    ]
