"""The group `heta evaluate`: one module a command."""

import click

from heta_evaluation.cli.aggregate import aggregate
from heta_evaluation.cli.agreement import agreement
from heta_evaluation.cli.compare import compare
from heta_evaluation.cli.faithfulness import faithfulness
from heta_evaluation.cli.orders import orders
from heta_evaluation.cli.power import power
from heta_evaluation.cli.report import report
from heta_evaluation.cli.run import run
from heta_evaluation.cli.suite import suite


@click.group()
def evaluate() -> None:
    """Agreement of raters, alignment of methods with them, and the report.

    \b
    Examples:
      heta evaluate run -C my-benchmark
      heta evaluate report -C my-benchmark
    """


for command in (run, report, compare, agreement, aggregate, faithfulness, suite, orders, power):
    evaluate.add_command(command)
