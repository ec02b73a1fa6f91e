"""Uplift by `causalml`'s forest and by class transformation; run by a Python that has causalml.

    python uplift_contenders.py NAME GIVEN.npz FOUND.npy N_TREES

`GIVEN` holds features, arms (0 is control), outcomes, and the fold of each customer; `FOUND`
gets the effects on every customer as learnt from the other folds, one column per arm but control.
"""

import sys

import numpy as np


def forest(given: dict, seed: int, n_trees: int) -> np.ndarray:
    """Fit one forest for all arms, splitting by Kullback-Leibler divergence."""
    from causalml.inference.tree import UpliftRandomForestClassifier

    names = np.array([f"arm{arm}" for arm in range(given["arm"].max() + 1)])
    model = UpliftRandomForestClassifier(
        control_name="arm0",
        n_estimators=n_trees,
        max_depth=5,
        min_samples_leaf=200,
        min_samples_treatment=50,
        evaluationFunction="KL",
        random_state=seed,
        n_jobs=1,
    )
    model.fit(given["X"], treatment=names[given["arm"]], y=given["outcome"].astype(int))
    return np.asarray(model.predict(given["fresh"]))


def class_transformation(given: dict, seed: int, n_trees: int) -> np.ndarray:
    """Predict 1 for who answered when treated, or did not when control; Jaskowski 2012.

    With unequal arms each row weighs one over its arm's share, so that treated and control count
    the same; the effect is then twice the probability of 1, less 1.
    """
    from sklearn.linear_model import LogisticRegression

    effects = []
    for arm in range(1, given["arm"].max() + 1):
        pair = np.isin(given["arm"], (0, arm))
        treated, answered = given["arm"][pair] == arm, given["outcome"][pair] > 0
        share = np.where(treated, treated.mean(), 1 - treated.mean())
        model = LogisticRegression(C=1.0, max_iter=1000, random_state=seed)
        model.fit(given["X"][pair], treated == answered, sample_weight=0.5 / share)
        effects.append(2 * model.predict_proba(given["fresh"])[:, 1] - 1)
    return np.column_stack(effects)


def predict_folds(name: str, given: dict, n_trees: int) -> np.ndarray:
    """Learn from all folds but one, for each fold."""
    work = {"causalml_forest": forest, "class_transformation": class_transformation}[name]
    scores = np.zeros((len(given["fold"]), given["arm"].max()))
    for number in np.unique(given["fold"]):
        held = given["fold"] == number
        learn = {key: given[key][~held] for key in ("X", "arm", "outcome")}
        learn["fresh"] = given["X"][held]
        scores[held] = work(learn, int(number), n_trees)
    return scores


if __name__ == "__main__":
    name, source, target, n_trees = sys.argv[1:]
    with np.load(source) as file:
        arrays = dict(file)
    np.save(target, predict_folds(name, arrays, int(n_trees)))
