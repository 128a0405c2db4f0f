"""Rounds: averaging, resuming, counting, what a client reads, and what guidance does."""

from __future__ import annotations

import os
import threading
from dataclasses import asdict, replace
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save

from seda.errors import AlignerError, ConfigError, DataError, FileFormatError, ShapeError
from seda.federation.adapter import message_bytes
from seda.federation.engines import HereEngine, choose_engine
from seda.federation.experiment import Plan, compare, folder_of
from seda.federation.local import train_client
from seda.federation.material import Material, material_of
from seda.federation.measures import mean_rsa, paired_interval, rsa, spread
from seda.federation.picture import center_paths, write_picture
from seda.federation.rounds import Measuring, federate
from seda.federation.settings import Deal, Task
from seda.federation.splits import modalities_of
from seda.federation.strategies import FEDAVG, FEDAVG_CENTERS, FEDAVG_SUMS, FEDPROX, SEMANTIC, average
from seda.federation.sums import Sums
from seda.journeys.path_file import read_journey
from tests.federation.made import CLASSES, DIM, WIDTH, material, settings

needs_flower = pytest.mark.skipif(
    not all(find_spec(name) for name in ("flwr", "ray")), reason="Flower is not installed (requirements-federate.txt)"
)


def run(made, how, folder=None, **options):
    return HereEngine().run(lambda trainer: federate(made, how, trainer, folder, **options), made, how.deal.clients)


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def without_clock(found):
    return [{**asdict(one), "seconds": 0} for one in found.rounds]


def endless(made):
    """With inputs that no sum survives."""
    return replace(made, train=replace(made.train, inputs=made.train.inputs * np.float32(np.inf)))


class StopsAfter:
    """A trainer that breaks in the middle of a round."""

    def __init__(self, trainer, rounds):
        self.trainer, self.left = trainer, rounds

    def train(self, jobs):
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        return self.trainer.train(jobs)


# ---------------------------------------------------------------------------------------------------- averaging


def test_one_full_step_of_all_clients_is_a_step_on_all_data():
    made = material()
    step = settings(rounds=2, momentum=0.0, batch=1000)
    apart, pooled = run(made, step), run(made, replace(step, deal=Deal(clients=1)))
    for name, value in apart.weights.items():
        np.testing.assert_allclose(value, pooled.weights[name], atol=1e-6, err_msg=name)
    assert max(np.abs(value).max() for name, value in apart.weights.items() if name.startswith("head")) > 1e-3
    more = run(made, replace(step, epochs=3))  # with more steps it is not
    assert not np.allclose(
        more.weights["head.weight"],
        run(made, replace(step, epochs=3, deal=Deal(clients=1))).weights["head.weight"],
        atol=1e-4,
    )


def test_an_average_weighs_by_items_and_takes_a_part_from_those_who_have_it():
    before = {"a": np.zeros(2, np.float32), "b": np.full(2, 7, np.float32), "c": np.full(1, 5, np.float32)}
    sent = [({"a": np.float32([1, 2])}, 1), ({"a": np.float32([5, 6]), "b": np.float32([3, 4])}, 3)]
    joined = average(sent, before)
    assert joined["a"].tolist() == [4, 5] and joined["b"].tolist() == [3, 4] and joined["c"].tolist() == [5]
    assert all(value.dtype == np.float32 for value in joined.values())
    with pytest.raises(ShapeError, match="0 updates came"):
        average([], before)
    with pytest.raises(ShapeError, match=r"A client sent a as \(3,\); \(2,\) is needed"):
        average([({"a": np.zeros(3, np.float32)}, 1)], before)


def test_fedprox_keeps_clients_nearer_to_the_server():
    made, start = material(), settings()
    first = run(made, replace(start, rounds=1)).weights

    def moved(strategy):
        task = Task(replace(start, strategy=strategy, epochs=8), 0, 2)
        sent = train_client(made, task, first)[0]
        return sum(float(((sent[name] - first[name]) ** 2).sum()) for name in sent)

    assert moved(replace(FEDPROX, proximal=10.0)) < 0.5 * moved(FEDAVG)


# ---------------------------------------------------------------------------------------------------- what is seen


def test_a_client_reads_its_own_rows_alone_and_training_none_of_the_test_split():
    made, task = material(texts=True), Task(settings(), 1, 1)
    start = run(made, settings(rounds=1)).weights
    own = task.settings.deal.parts(made.train.labels)[1]
    poisoned = np.where(np.isin(np.arange(len(made.train)), own)[:, None], made.train.inputs, np.nan)
    hidden = replace(
        made, train=replace(made.train, inputs=poisoned), test=replace(made.test, inputs=made.test.inputs * np.nan)
    )
    assert same(train_client(made, task, start)[0], train_client(hidden, task, start)[0])
    clean = run(made, settings()), run(replace(made, test=hidden.test), settings())
    assert same(clean[0].weights, clean[1].weights)


def test_an_aligner_that_was_trained_on_the_very_items_is_refused():
    labels = np.repeat(np.arange(3), 8)
    train = SimpleNamespace(data_fingerprint="f", labels=labels, class_names=("a", "b", "c"))
    guide = SimpleNamespace(card=SimpleNamespace(name="mine", data={"fingerprint": ["e", "f"]}))
    with pytest.raises(AlignerError, match="'mine' was trained on these very items"):
        material_of(train, train, np.eye(3, dtype=np.float32), guide)


def test_the_same_seed_gives_the_same_and_another_another():
    made = material()
    first, again = run(made, settings()), run(made, settings())
    assert same(first.weights, again.weights) and without_clock(first) == without_clock(again)
    assert not same(first.weights, run(made, settings(seed=1)).weights)


# ---------------------------------------------------------------------------------------------------- resuming


def test_a_stopped_federation_ends_as_one_that_was_not(tmp_path):
    made, how = (
        material(texts=True),
        settings(strategy=SEMANTIC, rounds=4, deal=Deal(clients=3, alpha=0.5, holding="mixed")),
    )
    whole = run(made, how, tmp_path / "whole", keep_centers=True)
    for rounds in (1, 2):  # twice
        with pytest.raises(KeyboardInterrupt):
            HereEngine().run(
                lambda trainer, n=rounds: federate(
                    made, how, StopsAfter(trainer, n), tmp_path / "part", keep_centers=True
                ),
                made,
                3,
            )
    (tmp_path / "part" / ".state.safetensors.abcdefgh").write_bytes(b"half of a file")  # what a kill leaves
    told = []
    resumed = run(made, how, tmp_path / "part", keep_centers=True, on_round=lambda one: told.append(one.number))
    assert (
        same(whole.weights, resumed.weights) and without_clock(whole) == without_clock(resumed) and told == [1, 2, 3, 4]
    )
    assert np.array_equal(center_paths(tmp_path / "whole", 4), center_paths(tmp_path / "part", 4))


def test_a_folder_of_another_federation_is_not_gone_on_with(tmp_path):
    run(material(), settings(), tmp_path)
    with pytest.raises(FileFormatError, match="is of another federation, or of other data"):
        run(material(seed=1), settings(), tmp_path)


# ---------------------------------------------------------------------------------------------------- figures


def test_bytes_are_those_of_the_numbers_that_are_sent():
    made = material(texts=True)
    branch = {"image": (WIDTH + 1) * 6 + 7 * DIM, "text": (DIM + 1) * 6 + 7 * DIM}
    head = (DIM + 1) * CLASSES
    found = run(made, settings(deal=Deal(clients=3, alpha=0.5, holding="mixed"))).rounds[0]
    expected = 4 * sum(head + sum(branch[name] for name in modalities_of(client, "mixed")) for client in range(3))
    assert found.bytes_down == found.bytes_up == expected
    weights = run(made, settings()).weights
    content = save(weights)
    assert message_bytes(weights) == len(content) - 8 - int.from_bytes(content[:8], "little")


def test_similarity_of_geometries_heeds_order_and_nothing_else():
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(6, 9))
    turned = centers @ np.linalg.qr(rng.normal(size=(9, 9)))[0]
    assert rsa(centers, 3 * turned) == pytest.approx(1)
    assert abs(rsa(centers, rng.normal(size=(6, 9)))) < 0.7
    assert mean_rsa(np.stack([centers, centers, turned])) == pytest.approx(1) and np.isnan(mean_rsa(np.ones((2, 2, 4))))
    assert spread(np.stack([centers, centers])) == 0 < spread(np.stack([centers, turned]))
    with pytest.raises(ShapeError, match="2 and 2 class centers came; the same number is needed, at least 3"):
        rsa(centers[:2], centers[:2])


def test_an_interval_is_students():
    mean, low, high = paired_interval(np.array([1.0, 2.0, 3.0]))
    assert (mean, low, high) == pytest.approx((2, 2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5))
    assert np.isnan(paired_interval(np.array([1.0]))[1:]).all()


def test_a_report_compares_seed_by_seed(tmp_path):
    made = material()
    plan = Plan((FEDAVG, SEMANTIC), (0, 1, 2), (0.01, 0.05), settings(), choosing_rounds=2)
    report = HereEngine().run(lambda trainer: compare(made, plan, trainer, tmp_path), made, 3)
    rows = {row["name"]: row for row in report["rows"]}
    assert list(rows) == ["fedavg", "semantic", "pooled"] and (tmp_path / "federation.json").is_file()
    last = {name: np.array([one["rounds"][-1]["test_accuracy"] for one in row["runs"]]) for name, row in rows.items()}
    mean, low, high = paired_interval(last["semantic"] - last["fedavg"])
    assert (
        rows["semantic"]["difference"] == {"mean": mean, "low": low, "high": high}
        and rows["fedavg"]["difference"]["mean"] == 0
    )
    assert rows["semantic"]["gap"] == pytest.approx(float((last["pooled"] - last["semantic"]).mean()))
    assert {row["learning_rate"] for row in report["rows"]} <= {0.01, 0.05}


def test_a_learning_rate_is_chosen_by_validation_alone():
    made = material(per_class=15)
    hard = replace(made, validation=replace(made.validation, inputs=made.validation.inputs[::-1].copy()))
    rates = (0.001, 0.05, 0.5)
    plan = Plan((FEDAVG,), (0,), rates, settings(), choosing_rounds=2)
    tried = [run(hard, plan.settings_of(FEDAVG, 0, rate, 2)).rounds[-1].validation_accuracy for rate in rates]
    assert len(set(tried)) > 1
    for test in (made.test, replace(made.test, labels=(made.test.labels + 1) % CLASSES)):  # where all are wrong
        report = HereEngine().run(lambda trainer, test=test: compare(replace(hard, test=test), plan, trainer), made, 3)
        assert report["rows"][0]["learning_rate"] == rates[int(np.argmax(tried))]


# ---------------------------------------------------------------------------------------------------- guidance


def test_guidance_brings_items_to_their_texts():
    made = material()

    def end(strategy):
        found = run(made, settings(strategy=strategy, rounds=6))
        return found, found.rounds[-1].test_accuracy

    def cosine(found):
        centers = Measuring(made, settings()).centers(found.weights)
        return np.mean(
            [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(centers, made.class_texts, strict=True)]
        )

    plain, guided = end(FEDAVG)[0], end(SEMANTIC)[0]
    assert cosine(guided) > cosine(plain) + 0.2
    distilled = end(replace(SEMANTIC, contrast=0.0, distillation=1.0))[0]
    assert cosine(distilled) > cosine(plain) + 0.2
    assert same(plain.weights, end(replace(SEMANTIC, contrast=0.0, distillation=0.0))[0].weights)


def test_centers_are_sums_over_clients_and_keep_what_a_client_has_not():
    made = material()
    parts = Deal(clients=3, alpha=0.5).parts(made.train.labels)
    sums = sum(np.eye(CLASSES)[made.train.labels[rows]].T @ made.train.inputs[rows] for rows in parts)
    counts = sum(np.bincount(made.train.labels[rows], minlength=CLASSES) for rows in parts)
    np.testing.assert_allclose(made.category_centers[0], sums / counts[:, None], rtol=1e-5)
    assert made.center_bytes == 4 * CLASSES * (WIDTH + DIM + 1) and made.nearest_center_accuracy("test") > 0.8
    apart = settings(deal=Deal(clients=4, split="classes"), rounds=1, epochs=20)  # each client has one class

    def kept(strategy):
        sent = train_client(made, Task(replace(apart, strategy=strategy), 0, 1), run(made, apart).weights)[0]
        return Measuring(made, apart).accuracy(sent, made.validation)

    assert kept(FEDAVG) < 0.5 < kept(FEDAVG_CENTERS)


def test_sums_of_clients_make_the_ridge_of_all_items():
    made = material()
    x, y = made.train.inputs.astype(np.float64), np.eye(CLASSES)[made.train.labels]
    parts = Deal(clients=4, split="classes").parts(made.train.labels)
    first, *others = (Sums.of(made.train.inputs[rows], made.train.labels[rows], CLASSES) for rows in parts)
    total = first
    for other in others:
        total = total + other
    weight, bias = total.ridge(0.1)
    centred = x - x.mean(0)
    scatter = centred.T @ centred
    expected = np.linalg.solve(scatter + 0.1 * np.trace(scatter) / WIDTH * np.eye(WIDTH), centred.T @ (y - y.mean(0)))
    np.testing.assert_allclose(weight, expected, atol=1e-9)
    np.testing.assert_allclose(bias, y.mean(0) - x.mean(0) @ expected, atol=1e-9)
    assert total.message_bytes == 4 * (CLASSES + CLASSES * WIDTH + WIDTH * (WIDTH + 1) // 2)
    alone = made.belief_accuracy("test")
    guided = run(
        made, settings(deal=Deal(clients=4, split="classes"), strategy=FEDAVG_SUMS, learning_rate=1e-6, rounds=1)
    )
    assert guided.accuracy == alone > 0.8  # before anything is learned the belief answers


# ---------------------------------------------------------------------------------------------------- the picture


def test_the_picture_drifts_apart_and_is_drawn_together(tmp_path):
    made, how = material(), settings(strategy=SEMANTIC, epochs=3)
    plan = Plan((SEMANTIC,), (0,), (0.05,), how)
    HereEngine().run(lambda trainer: compare(made, plan, trainer, tmp_path, keep_centers="semantic"), made, 3)
    ran = plan.settings_of(SEMANTIC, 0, 0.05)
    path = write_picture(
        tmp_path / "clients.safetensors", folder_of(tmp_path, ran), made, ran.deal, ran.rounds, "semantic"
    )
    journey = read_journey(path, maps=["pca-2d"])
    states = journey.trajectory.states.reshape(3, CLASSES, 7, DIM)
    assert (states[:, :, ::2] == states[:1, :, ::2]).all() and (np.ptp(states[:, :, 1::2], axis=0).max(-1) > 1e-3).all()
    assert journey.trajectory.item_names[1].startswith("client 1: thing 1, ") and journey.trajectory.stage_names == (
        "rounds 1 to 3",
    )


# ---------------------------------------------------------------------------------------------------- bad calls


def test_what_is_not_allowed_is_said(tmp_path):
    made = material()
    with pytest.raises(
        DataError, match=r"Training left the range of numbers at a learning rate of 0\.05 .*Give a smaller"
    ):
        run(endless(made), settings())
    for changes, said in (({"rounds": 0}, "rounds is 0"), ({"learning_rate": 0.0}, "learning rate is 0"), ({"momentum": 1.0}, "momentum is 1"),
                          ({"strategy": SEMANTIC, "head": "none"}, "head")):  # fmt: skip
        with pytest.raises(ConfigError, match=said):
            run(made, settings(**changes))
    for changes, said in (({"distillation": -1.0}, "distillation is -1"), ({"temperature": 0.0}, "temperature is 0")):
        with pytest.raises(ConfigError, match=said):
            replace(SEMANTIC, **changes)
    with pytest.raises(ConfigError, match="engine"):
        choose_engine("none", print)
    with pytest.raises(ConfigError, match="need different names"):
        Plan((FEDAVG, FEDAVG), (0,), (0.1,), settings())


def test_without_flower_the_loop_says_that_it_runs(monkeypatch):
    from seda.federation import engines

    monkeypatch.setattr(engines, "has_flower", lambda: False)
    said = []
    assert (
        choose_engine("auto", said.append).name == "here"
        and "Flower is not installed" in said[0]
        and "requirements-federate.txt" in said[0]
    )
    assert choose_engine("here", said.append).name == "here" and len(said) == 1
    with pytest.raises(
        ConfigError, match=r"Flower is not installed\. Run: pip install -r requirements-federate\.txt.* --engine here"
    ):
        choose_engine("flower", print)


def test_material_and_tasks_come_back_as_they_went(tmp_path):
    made = material(texts=True)
    back = Material.load(made.save(tmp_path / "m.safetensors"))
    assert back.fingerprint == made.fingerprint and back.class_names == made.class_names
    task = Task(settings(strategy=SEMANTIC), 2, 3)
    assert Task.from_dict(task.to_dict()) == task


class OneProcess:
    """In the place of Flower's grid: the same messages, given to the same app in this process."""

    def __init__(self, path):
        from flwr.supercore.task_identity import TaskIdentity

        from seda.federation.flower import client_app

        TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1  # as a run of Flower has them
        self.app, self.sent = client_app(str(path)), []

    def get_node_ids(self):
        return [11, 12, 13]

    def send_and_receive(self, messages):
        from flwr.app import Context, RecordDict, UserConfig

        for message in reversed(list(messages)):  # answers come in any order
            self.sent.append(message.metadata.dst_node_id)
            yield self.app(message, Context(1, message.metadata.dst_node_id, UserConfig(), RecordDict(), UserConfig()))


@needs_flower
@pytest.mark.filterwarnings("ignore")  # what Flower brings warns of its own
def test_flowers_messages_come_to_the_same_numbers(tmp_path):
    choose_engine("flower", print)  # silent before it is imported
    from seda.federation.flower import _Grid

    made = material(texts=True)
    how = settings(strategy=SEMANTIC, rounds=2, deal=Deal(clients=3, alpha=0.5, holding="mixed"))
    grid = OneProcess(made.save(tmp_path / "m.safetensors"))
    apart = federate(made, how, _Grid(grid, 3, threading.Event()))
    here = run(made, how)
    assert same(apart.weights, here.weights) and without_clock(apart) == without_clock(here)
    assert sorted(grid.sent) == [11, 11, 12, 12, 13, 13] and os.environ["FLWR_TELEMETRY_ENABLED"] == "0"
    bad = OneProcess(endless(made).save(tmp_path / "bad.safetensors"))
    with pytest.raises(DataError, match=r"Training left the range of numbers .*Give a smaller"):
        federate(endless(made), how, _Grid(bad, 3, threading.Event()))


@needs_flower
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # what Flower brings warns of its own
def test_flower_comes_to_the_same_numbers():
    made, how = (
        material(texts=True),
        settings(strategy=SEMANTIC, rounds=2, deal=Deal(clients=3, alpha=0.5, holding="mixed")),
    )
    engine = choose_engine("flower", print)
    apart = engine.run(lambda trainer: federate(made, how, trainer), made, 3)
    assert same(apart.weights, run(made, how).weights) and without_clock(apart) == without_clock(run(made, how))
    assert os.environ["FLWR_TELEMETRY_ENABLED"] == "0"
    bad = endless(made)
    with pytest.raises(DataError, match="Training left the range of numbers"):
        engine.run(lambda trainer: federate(bad, how, trainer), bad, 3)
