"""scikit-learn's own suite for estimators, whole: no check fails, none is expected to."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

from handgrad import HandgradClassifier, HandgradRegressor

ESTIMATORS = (HandgradClassifier, HandgradRegressor)
# What scikit-learn leaves out for reasons that lie outside of the estimator.
LEFT_OUT = {"check_array_api_input", "check_classifiers_multilabel_output_format_decision_function"}
QUICK = {
    "check_estimator_cloneable", "check_no_attributes_set_in_init", "check_sample_weight_equivalence_on_dense_data",
    "check_estimator_sparse_matrix", "check_fit2d_1sample", "check_n_features_in_after_fitting", "check_fit_idempotent",
    "check_estimators_pickle", "check_dict_unchanged", "check_readonly_memmap_input", "check_estimators_nan_inf",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the suite provokes warnings of all kinds
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_check_estimator(kind: Any) -> None:
    results = check_estimator(kind(), on_skip=None, on_fail=None)
    assert len(results) > 55
    wrong = [(r["check_name"], r["status"], str(r["exception"])) for r in results if r["status"] != "passed"]
    assert [case for case in wrong if case[:2] not in {(name, "skipped") for name in LEFT_OUT}] == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_some_of_it_quickly(kind: Any) -> None:
    ran = 0
    for estimator, check in estimator_checks_generator(kind()):
        if check.func.__name__ in QUICK:
            check(estimator)
            ran += 1
    assert ran >= len(QUICK)
