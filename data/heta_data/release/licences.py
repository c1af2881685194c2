"""Licences that content may have, which of them cannot stand in one prompt, and the notices of a release."""

from collections.abc import Iterable, Mapping, Sequence

from heta_data.records import Item, Part, Rights


class Licence(Part):
    """A licence by its SPDX identifier (or `public-domain-us`) and where its text is."""

    id: str
    title: str
    url: str


_CC = "https://creativecommons.org"
KNOWN: Mapping[str, Licence] = {
    name: Licence(id=name, title=title, url=url)
    for name, title, url in (
        ("Apache-2.0", "Apache License 2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
        ("BSD-2-Clause", "BSD 2-Clause License", "https://opensource.org/license/bsd-2-clause"),
        ("BSD-3-Clause", "BSD 3-Clause License", "https://opensource.org/license/bsd-3-clause"),
        ("CC-BY-3.0", "Creative Commons Attribution 3.0", f"{_CC}/licenses/by/3.0/legalcode"),
        ("CC-BY-4.0", "Creative Commons Attribution 4.0", f"{_CC}/licenses/by/4.0/legalcode"),
        ("CC-BY-NC-3.0", "Creative Commons Attribution-NonCommercial 3.0", f"{_CC}/licenses/by-nc/3.0/legalcode"),
        ("CC-BY-NC-4.0", "Creative Commons Attribution-NonCommercial 4.0", f"{_CC}/licenses/by-nc/4.0/legalcode"),
        (
            "CC-BY-NC-SA-3.0",
            "Creative Commons Attribution-NonCommercial-ShareAlike 3.0",
            f"{_CC}/licenses/by-nc-sa/3.0/legalcode",
        ),
        (
            "CC-BY-NC-SA-4.0",
            "Creative Commons Attribution-NonCommercial-ShareAlike 4.0",
            f"{_CC}/licenses/by-nc-sa/4.0/legalcode",
        ),
        ("CC-BY-SA-3.0", "Creative Commons Attribution-ShareAlike 3.0", f"{_CC}/licenses/by-sa/3.0/legalcode"),
        ("CC-BY-SA-4.0", "Creative Commons Attribution-ShareAlike 4.0", f"{_CC}/licenses/by-sa/4.0/legalcode"),
        ("CC0-1.0", "Creative Commons Zero 1.0", f"{_CC}/publicdomain/zero/1.0/legalcode"),
        ("MIT", "MIT License", "https://opensource.org/license/mit"),
        ("ODC-By-1.0", "Open Data Commons Attribution 1.0", "https://opendatacommons.org/licenses/by/1-0/"),
        (
            "public-domain-us",
            "Public domain in the United States; check the law where you are",
            "https://www.gutenberg.org/policy/license.html",
        ),
    )
}


def incompatible(licences: Iterable[str]) -> tuple[str, str] | None:
    """A non-commercial and a share-alike licence among `licences` that no licence of the whole can satisfy.

    Share-alike without the non-commercial clause demands that the whole may be used commercially.
    """
    names = sorted(set(licences))
    parts = {name: set(name.upper().split("-")) for name in names}
    closed = [name for name in names if "NC" in parts[name]]
    shared = [name for name in names if "SA" in parts[name] and "NC" not in parts[name]]
    return (closed[0], shared[0]) if closed and shared else None


def used_licences(items: Iterable[Item]) -> list[str]:
    """Identifiers of the licences of all rows, sorted, each once."""
    return sorted({right.licence for item in items for right in item.rights})


def notices(items: Sequence[Item], licences: Sequence[Licence], labels_licence: str) -> dict[str, str]:
    """File name below LICENSES/ -> its text: the licence, where its text is, and who is to be credited for what."""
    texts = {}
    for licence in licences:
        rights = [right for item in items for right in item.rights if right.licence == licence.id]
        lines = [licence.title, f"SPDX identifier: {licence.id}", f"Full text: {licence.url}", ""]
        if rights:
            lines += ["Covers these fields of data/items (the exact place is in `rights` of each row):"]
            lines += [f"  - {credit}" for credit in sorted({_credit(right) for right in rights})]
        if licence.id == labels_licence:
            lines += ["Covers data/labels, data/gold and data/attributions."]
        texts[f"{licence.id}.txt"] = "\n".join(lines) + "\n"
    return texts


def _credit(right: Rights) -> str:
    origin = ", ".join(part for part in (right.url, right.revision) if part)
    return f"{right.field}: {right.source}" + (f" ({origin})" if origin else "")
