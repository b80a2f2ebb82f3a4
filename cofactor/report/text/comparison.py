"""A comparison as text: tables of accuracy, published results and cost, and the significant differences."""

from cofactor.data.tables.text_table import Paragraph
from cofactor.evaluation.comparison_text import accuracy_table, cost_table
from cofactor.experiments.comparison.summary import ComparisonSummary
from cofactor.experiments.evaluation_plan import EvaluationPlan
from cofactor.report.text.protocols import published_table

__all__ = ["describe_comparison"]


def describe_comparison(summary: ComparisonSummary, plan: EvaluationPlan) -> list[Paragraph]:
    """The accuracy of the models and of published results, the properties of their lists, their cost, and which
    differences are significant."""
    comparison = summary.comparison
    published: list[Paragraph] = []
    if plan.published:
        published = ["", published_table(plan.published, plan.metrics, "others")]
    lists = f"lists of {comparison.k[0]}; " if comparison.k else ""
    note = f"* the best; ± {comparison.uncertainty[0]}; {lists}fit, CPU and peak are those of training alone"
    return [
        accuracy_table(comparison, plan.metrics),
        *published,
        "",
        cost_table(comparison),
        f"\n{note}\n",
        *comparison.sentences(),
    ]
