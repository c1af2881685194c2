"""Accounts become pseudonyms; numbers and addresses of one account are one account."""

from pathlib import Path
from typing import Any

import pytest

from helpers.exports import PERSON, annotation, task
from heta.errors import InputError
from heta_annotation.importing.privacy import Accounts, plain_annotation, quoted, scrub
from heta_annotation.importing.raters import Pseudonyms, read_raters

NOBODY = Accounts([])


def test_accounts_are_named_in_the_order_in_which_they_appear() -> None:
    names = Pseudonyms(None, {}, ())
    assert [names.of(account) for account in (9, 3, PERSON, 9)] == ["r01", "r02", "r03", "r01"]


def test_names_that_stand_for_others_are_left_out_and_known_ones_stay() -> None:
    names = Pseudonyms(None, {9: "r02"}, {"r01", "r02"})
    assert [names.of(account) for account in (3, 9, 4)] == ["r03", "r02", "r04"]


def test_a_number_and_an_address_may_mean_one_account() -> None:
    somebody = {"id": 3, "email": PERSON, "first_name": "Grace"}
    accounts = Accounts(
        [task(1, {}, [annotation(1, [], somebody), annotation(2, [], 5, created_username=" Bo b@x.y, 5")])]
    )
    assert accounts.account(PERSON.lower()) == accounts.account({"email": f" {PERSON} "}) == accounts.account(3) == 3
    assert accounts.account("B@x.y") == 5
    assert accounts.account("unknown@x.y") == "unknown@x.y"
    for nobody in (None, {}, {"id": None, "email": ""}, True, [], " "):
        assert accounts.account(nobody) is None


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "raters.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_names_accounts_by_number_or_address(tmp_path: Path) -> None:
    accounts = Accounts([task(1, {}, [annotation(1, [], {"id": 3, "email": PERSON})])])
    path = write(tmp_path, f"\ufeffpseudonym,account,note\na07,{PERSON},x\nb08, 5,\nc09,Else@x.y,\n")
    given = read_raters(path, "human", accounts)
    assert given == {3: "a07", 5: "b08", "else@x.y": "c09"}
    names = Pseudonyms(given, {3: "r01"}, {"a07"})
    assert [names.of(account) for account in (3, 5, 6)] == ["a07", "b08", None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the columns account,pseudonym"),
        (f"email,name\n{PERSON},a07\n", "expected the columns account,pseudonym"),
        (f"account,pseudonym\na07,{PERSON}\n", "line 2: the account is neither Label Studio's number nor an e-mail"),
        (f"account,pseudonym\n3,{PERSON}\n", "line 2: the pseudonym is no pseudonym"),
        ("account,pseudonym\n3,Grace\n", "line 2: the pseudonym is no pseudonym"),
        ("account,pseudonym\n3,sim-1\n", "line 2: the pseudonym is scripted by its name"),
        ("account,pseudonym\n3\n", "line 2: the pseudonym is no pseudonym"),
        ("account,pseudonym\n3,a07\n03,a08\n", "line 3: the account stands there twice"),
        (f"account,pseudonym\n{PERSON},a07\n{PERSON.upper()},a08\n", "line 3: the account stands there twice"),
        ("account,pseudonym\n3,a07\n4,a07\n", "line 3: the pseudonym stands there twice"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_without_quoting_it(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        read_raters(write(tmp_path, text), "human", NOBODY)
    assert PERSON.lower() not in str(raised.value).lower()
    assert "Grace" not in str(raised.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_raters(tmp_path / "none.csv", "human", NOBODY)
    (tmp_path / "raters.csv").write_bytes(b"account,pseudonym\n\xff,a07\n")
    with pytest.raises(InputError, match="is no UTF-8 text"):
        read_raters(tmp_path / "raters.csv", "human", NOBODY)


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        (f"by {PERSON}, 3", "by [e-mail] 3"),
        ("root@localhost", "[e-mail]"),
        ({PERSON: [PERSON, 3, None]}, {"[e-mail]": ["[e-mail]", 3, None]}),
        ("a @ b", "a @ b"),
        ("half \ud83d", "half ?"),
    ],
)
def test_addresses_are_scrubbed_wherever_they_stand(value: Any, clean: Any) -> None:
    assert scrub(value) == clean


def test_messages_quote_without_addresses_and_not_at_length() -> None:
    assert quoted(PERSON) == "'[e-mail]'"
    assert len(quoted("x" * 500)) == 60


def test_of_an_annotation_only_what_it_says_is_kept() -> None:
    comment = {"from_name": "why", "to_name": "text", "type": "textarea", "value": {"text": ["I am Grace"]}}
    plain = plain_annotation(
        annotation(1, [comment, "x", {"type": "labels", "value": {"text": PERSON, "labels": ["a"]}}], {"email": PERSON})
    )
    assert set(plain) == {
        "id", "was_cancelled", "ground_truth", "lead_time", "created_at", "updated_at", "parent_prediction",
        "parent_annotation", "result",
    }  # fmt: skip
    assert plain["result"] == [
        {"from_name": "why", "to_name": "text", "type": "textarea"},
        "no region: 'x'",
        {"type": "labels", "value": {"text": "[e-mail]", "labels": ["a"]}},
    ]
    assert plain_annotation(annotation(1, None))["result"] == "no list: None"
