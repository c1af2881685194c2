"""Who labels what: balanced, without the same text twice, gold items spread over the work."""

import random
from collections import Counter
from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from heta_annotation.campaign.queues import deal, hide, make_queues
from heta_annotation.campaign.settings import CampaignSettings
from heta_data.records import LabelTask, SpanPart


@st.composite
def designs(draw: st.DrawFn) -> tuple[int, int, int]:
    """Items, raters, overlap."""
    raters = draw(st.integers(1, 9))
    return draw(st.integers(0, 60)), raters, draw(st.integers(1, raters))


@given(designs(), st.integers(0, 3))
def test_every_item_gets_its_raters_and_loads_differ_by_one_at_most(design: tuple[int, int, int], seed: int) -> None:
    items, raters, overlap = design
    uids, names = [f"u{n}" for n in range(items)], [f"a{n}" for n in range(raters)]
    dealt = deal(uids, names, overlap, seed=str(seed), twins={})
    times = Counter(uid for mine in dealt.values() for uid in mine)
    assert times == Counter(dict.fromkeys(uids, overlap))
    assert all(len(set(mine)) == len(mine) for mine in dealt.values())
    loads = [len(mine) for mine in dealt.values()]
    assert max(loads) - min(loads) <= 1
    assert dealt == deal(uids, names, overlap, seed=str(seed), twins={})


def test_pairs_of_raters_meet_about_equally_often() -> None:
    # 60 items, 6 raters, 2 each: 60 pairs over 15 pairs of raters, 4 each in a balanced design.
    dealt = deal([f"u{n}" for n in range(60)], [f"a{n}" for n in range(6)], 2, seed="0", twins={})
    met = [len(set(dealt[a]) & set(dealt[b])) for a, b in combinations(sorted(dealt), 2)]
    assert sum(met) == 60
    assert min(met) >= 3
    assert max(met) <= 5


def test_nobody_reads_the_same_text_twice_where_that_can_be() -> None:
    uids = [f"u{n}" for n in range(40)]
    twins = {uid: int(uid[1:]) // 2 for uid in uids}
    dealt = deal(uids, [f"a{n}" for n in range(6)], 2, seed="0", twins=twins)
    twice = sum(len(mine) - len({twins[uid] for uid in mine}) for mine in dealt.values())
    blind_to_twins = deal(uids, [f"a{n}" for n in range(6)], 2, seed="0", twins={})
    chance = sum(len(mine) - len({twins[uid] for uid in mine}) for mine in blind_to_twins.values())
    # Balanced loads come first, so a few pairs may stay; without looking there are many.
    assert twice <= 2 < chance


@given(st.integers(0, 50), st.integers(0, 12), st.integers(0, 5))
def test_gold_items_are_spread_and_nothing_is_lost(others: int, gold: int, seed: int) -> None:
    ordinary, known = [f"u{n}" for n in range(others)], [f"g{n}" for n in range(gold)]
    order = hide(ordinary, known, random.Random(seed))
    assert sorted(order) == sorted(ordinary + known)
    assert [uid for uid in order if uid.startswith("u")] == ordinary
    places = [place for place, uid in enumerate(order) if uid.startswith("g")]
    # One in each stretch of others // gold items or one more: never more than two stretches between two of them.
    for first, second in pairwise(places):
        assert second - first <= 2 * (others // gold + 1) + 1


def task(uid: str, gold: bool = False) -> LabelTask:
    return LabelTask(
        uid=uid,
        item_id=uid,
        arm="blind",
        units=(SpanPart(start=0, end=1),),
        segmentation="word/1",
        gold=gold,
        overlap=2,
        isolation="organisation",
        guideline_hash="g",
        campaign_hash="c",
    )


def test_own_queues_differ_in_order_and_all_hold_the_gold_items() -> None:
    tasks = [*(task(f"u{n}") for n in range(12)), task("g1", gold=True), task("g2", gold=True)]
    settings = CampaignSettings(raters=4, overlap=2, arms=("blind",))
    queues = make_queues("blind", tasks, settings, {})
    assert [queue.name for queue in queues] == ["blind/a01", "blind/a02", "blind/a03", "blind/a04"]
    # 12 items x 2 raters over 4 raters is 6 each, and 2 gold items.
    assert [len(queue.uids) for queue in queues] == [8, 8, 8, 8]
    assert all({"g1", "g2"} < set(queue.uids) for queue in queues)
    assert len({tuple(uid for uid in queue.uids if uid in ("g1", "g2")) + queue.uids for queue in queues}) == 4
    assert sum(queue.labels for queue in queues) == 12 * 2 + 2 * 4
    assert all(queue.own for queue in queues)


def test_a_shared_queue_holds_everything_for_everybody() -> None:
    tasks = [*(task(f"u{n}") for n in range(5)), task("g1", gold=True)]
    settings = CampaignSettings(raters=3, overlap=2, arms=("blind",), assignment="shared")
    (queue,) = make_queues("blind", tasks, settings, {})
    assert (queue.name, queue.own, queue.overlap, queue.labels) == ("blind", False, 2, 12)
    assert sorted(queue.uids) == ["g1", "u0", "u1", "u2", "u3", "u4"]
    assert queue.raters == ("a01", "a02", "a03")
