"""The built-in sources, described. Apart from their code, so that listing them imports nothing heavy."""

from heta_data.sources import Source

SAMPLE = Source(
    name="sample",
    summary="short fictional texts in seven languages, bundled with the toolkit",
    licences=("CC-BY-4.0",),
    reference="written for this project",
    command="heta data build sample",
)
CURATED = Source(
    name="curated",
    summary="science questions and their support, each with a passage of a book as distractor",
    licences=("CC-BY-NC-3.0", "public-domain-us"),
    reference="SciQ: Welbl, Liu and Gardner 2017, arXiv:1707.06209; books: Project Gutenberg",
    command="heta data build curated",
)
