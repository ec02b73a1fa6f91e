"""Whom an e-mail changes: learners on a randomised test of 64,000 customers, beside causalml.

Kevin Hillstrom's e-mail test has three arms: no e-mail, men's goods, women's goods. All learners
get the same nine features and the same folds, every score is for a customer the learner had not
seen, and one definition of the Qini coefficient (this project's) judges them all.

    python bench/uplift.py             10 deals into 5 folds, about a quarter of an hour
    python bench/uplift.py --quick     1 deal into 2 folds, under a minute

`--causalml` names a Python that has `causalml`: its uplift forest, and class transformation, then
run in processes of their own. `--data` names the file, else it is looked for in `shared/data`
beside the project. The last line is one JSON object: `qini` (by learner, of conversion: mean of
both e-mails' coefficients and its `spread`, the standard deviation over deals), `policy_value` and
`mens_to_all` (by outcome: expected outcome per customer on the 30 % that nothing was learnt from,
with 95 % interval, and for the policy its `gain` over men's to all).
"""

import argparse
import json
from pathlib import Path
import subprocess
import tempfile
import time

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from measure import machine
from src.metrics.intervals import Interval, bootstrap_difference, bootstrap_mean
from src.metrics.uplift import qini_coefficient
from src.models.uplift_comparison import BASELINE, choose_champion, compare_learners
from src.models.uplift_contacts import Contacts, build_contacts
from src.models.uplift_ensemble import fit_ensemble
from src.models.uplift_learners import LEARNERS, available_learners

DATA = Path(__file__).parents[2] / "shared" / "data" / "hillstrom.csv.gz"
PEERS = Path(__file__).with_name("uplift_contenders.py")
PEER_NAMES = ("causalml_forest", "class_transformation")
ARMS = {"No E-Mail": "control", "Mens E-Mail": "mens", "Womens E-Mail": "womens"}
ACTIONS = ("mens", "womens")
SEED = 42


def read_test(path: Path) -> pd.DataFrame:
    """One row per customer, in the words of a contact."""
    rows = pd.read_csv(path)
    action = rows["segment"].map(ARMS)
    return rows.assign(
        customer_id=[f"{i:05d}" for i in range(len(rows))],
        campaign_id="hillstrom",
        action=action,
        pscore=action.map(action.value_counts(normalize=True)),
    )


def features_of(rows: pd.DataFrame) -> np.ndarray:
    """Nine features, all known before the e-mail."""
    numbers = [rows["recency"], np.log1p(rows["history"]), rows["mens"], rows["womens"]]
    texts = ("zip_code", "Rural"), ("zip_code", "Urban"), ("channel", "Phone"), ("channel", "Web")
    flags = [rows[column] == level for column, level in texts]
    X = np.column_stack([*numbers, rows["newbie"], *flags]).astype(float)
    return (X - X.mean(axis=0)) / X.std(axis=0)


def contacts_of(rows: pd.DataFrame, X: np.ndarray, outcome: str) -> Contacts:
    """The test as contacts with one of its outcomes."""
    return build_contacts(rows.assign(outcome_value=rows[outcome].astype(float)), ACTIONS, X)


def deal(contacts: Contacts, given: argparse.Namespace) -> np.ndarray:
    """Fold of each customer in each deal, shape (n_deals, n): the same for all contenders."""
    n_deals, n_folds = (1, 2) if given.quick else (given.deals, 5)
    rng = np.random.default_rng(SEED)
    return np.array([contacts.fold_of(n_folds, rng) for _ in range(n_deals)])


def predict_ours(name: str, contacts: Contacts, fold: np.ndarray) -> np.ndarray:
    """Effects on customers not learnt from, shape (n, n_actions)."""
    make = available_learners()[name]
    scores = np.zeros((len(fold), len(ACTIONS)))
    for number in np.unique(fold):
        held = fold == number
        learner = make().fit(contacts.take(~held), int(number))
        scores[held] = learner.predict(contacts.X[held])
    return scores


def predict_peer(
    name: str, contacts: Contacts, fold: np.ndarray, python: str, n_trees: int
) -> np.ndarray:
    """The same by a contender of another Python, in a process of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        given, found = Path(scratch) / "given.npz", Path(scratch) / "found.npy"
        np.savez(given, X=contacts.X, arm=contacts.arm, outcome=contacts.outcome, fold=fold)
        command = [python, str(PEERS), name, str(given), str(found), str(n_trees)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        return np.load(found)


def predict_kept(
    name: str, deal_number: int, contacts: Contacts, fold: np.ndarray, given: argparse.Namespace
) -> tuple[np.ndarray, float]:
    """Effects and seconds a fit; read where an earlier run of the same benchmark kept them."""
    file = Path(given.keep or ".") / f"{name}_{deal_number}_{fold.max() + 1}.npz"
    if given.keep and file.is_file():
        with np.load(file) as kept:
            return kept["scores"], float(kept["seconds"])
    started = time.perf_counter()
    if name in available_learners():
        scores = predict_ours(name, contacts, fold)
    else:
        n_trees = 10 if given.quick else given.trees
        scores = predict_peer(name, contacts, fold, given.causalml, n_trees)
    seconds = (time.perf_counter() - started) / (fold.max() + 1)
    if given.keep:
        np.savez(file, scores=scores, seconds=seconds)
    return scores, seconds


def qini_table(contacts: Contacts, names: list[str], given: argparse.Namespace) -> pd.DataFrame:
    """Qini coefficient of every contender, e-mail and deal."""
    rows = []
    for number, fold in enumerate(deal(contacts, given)):
        for name in names:
            scores, seconds = predict_kept(name, number, contacts, fold, given)
            for k, action in enumerate(ACTIONS):
                pair, treated = contacts.pair(k), contacts.arm == k + 1
                arrays = (contacts.outcome, treated, scores[:, k], contacts.weight)
                qini = qini_coefficient(*(array[pair] for array in arrays))
                rows.append((name, action, number, qini, seconds))
    return pd.DataFrame(rows, columns=["learner", "action", "repeat", "qini", "seconds"])


def show_qinis(table: pd.DataFrame, outcome: str) -> dict[str, dict[str, float]]:
    """Print a row per contender; the mean over both e-mails, and its spread over deals."""
    by_action = table.groupby(["learner", "action"])["qini"].agg(["mean", "std"]).unstack()
    both = table.groupby(["learner", "repeat"])["qini"].mean().groupby("learner")
    found = {}
    print(f"\nQini coefficient x 1000, {outcome}: mens, womens, both (spread), seconds a fit")
    for name in both.mean().sort_values(ascending=False).index:
        mean, spread = both.mean()[name], both.std()[name]
        cells = [
            f"{1000 * by_action.loc[name, ('mean', action)]:7.3f} "
            f"({1000 * by_action.loc[name, ('std', action)]:.3f})"
            for action in ACTIONS
        ]
        seconds = table.loc[table["learner"] == name, "seconds"].mean()
        shown = f"{1000 * mean:7.3f} ({1000 * spread:.3f})"
        print(f"{name:<22} {'  '.join(cells)}  {shown} {seconds:6.1f}", flush=True)
        found[name] = {"mean": round(mean, 7), "spread": round(float(np.nan_to_num(spread)), 7)}
    return found


def split(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """70/30, stratified by arm and conversion, seed 42: as in the published comparison."""
    key = rows["segment"] + rows["conversion"].astype(str)
    return tuple(
        train_test_split(np.arange(len(rows)), test_size=0.3, stratify=key, random_state=SEED)
    )


def value_terms(test: pd.DataFrame, chosen: np.ndarray, outcome: str) -> np.ndarray:
    """Inverse-probability terms of each customer; their mean is the value of choosing so."""
    pscore = test["action"].map(test["action"].value_counts(normalize=True)).to_numpy()
    return np.where(test["action"].to_numpy() == chosen, test[outcome].to_numpy() / pscore, 0.0)


def ends(interval: Interval) -> dict[str, float]:
    return {
        "estimate": round(interval.estimate, 6),
        "lower": round(interval.lower, 6),
        "upper": round(interval.upper, 6),
    }


def policy_values(rows: pd.DataFrame, X: np.ndarray, outcome: str, quick: bool) -> dict:
    """Learn a policy on 70 %; its value on the other 30 %, beside the constant ones."""
    first, second = split(rows)
    learn, test = contacts_of(rows.iloc[first], X[first], outcome), rows.iloc[second]
    names = [name for name in LEARNERS if name.endswith("linear") or not quick]
    learners = {name: LEARNERS[name] for name in names}
    comparison = compare_learners(learn, learners, SEED, n_repeats=1)
    table = comparison.table
    found = {action: choose_champion(table, action) for action in ACTIONS}
    champions = {action: name for action, name in found.items() if name}
    ensemble = fit_ensemble(learn, comparison, champions, learners, SEED, 10 if quick else 20)
    effects = np.column_stack([ensemble.draw(X[second], name).mean(axis=1) for name in ACTIONS])
    chosen = choose(effects)
    best = table.loc[table.groupby("action")["t"].idxmax().dropna()].set_index("action")
    forced = {action: best.loc[action, "learner"] for action in ACTIONS}
    members = fit_ensemble(learn, comparison, forced, learners, SEED, 10 if quick else 20)
    eager = choose(
        np.column_stack([members.draw(X[second], name).mean(axis=1) for name in ACTIONS])
    )
    print(f"\nPolicy for {outcome}: champions {champions or 'none, all alike'}")
    print(best[["learner", "qini", "t", "p_value", "p_corrected"]].round(4).to_string())
    mens = value_terms(test, np.full(len(test), "mens"), outcome)
    constants = {arm: np.full(len(test), arm) for arm in ("control", *ACTIONS)}
    for name, choice in (constants | {"policy": chosen, "policy_untested": eager}).items():
        terms = value_terms(test, choice, outcome)
        value, gain = bootstrap_mean(terms, SEED), bootstrap_difference(terms, mens, SEED)
        shares = pd.Series(choice).value_counts(normalize=True).round(3).to_dict()
        print(f"{name:<16} {ends(value)}  over mens to all {ends(gain)}  {shares}")
    policy = value_terms(test, chosen, outcome)
    gain = bootstrap_difference(policy, mens, SEED)
    return {
        "policy_value": ends(bootstrap_mean(policy, SEED)) | {"gain": ends(gain)},
        "mens_to_all": ends(bootstrap_mean(mens, SEED)),
    }


def choose(effects: np.ndarray) -> np.ndarray:
    """Arm of the largest effect above 0, else no e-mail."""
    arms = np.array(["control", *ACTIONS])
    return arms[np.column_stack([np.zeros(len(effects)), effects]).argmax(axis=1)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one deal into two folds")
    parser.add_argument("--causalml", default="", help="path of a Python that has `causalml`")
    parser.add_argument("--data", type=Path, default=DATA, help="hillstrom.csv.gz")
    parser.add_argument("--deals", type=int, default=10, help="deals of the customers into folds")
    parser.add_argument("--keep", default="", help="folder of scores, to go on after a stop")
    parser.add_argument("--trees", type=int, default=30, help="of causalml's forest")
    given = parser.parse_args()
    print(machine())
    if not given.data.is_file():
        print(json.dumps({"skipped": "the real data is not beside the project; name it by --data"}))
        return
    rows = read_test(given.data)
    X = features_of(rows)
    names = list(available_learners())
    peers = list(PEER_NAMES) if given.causalml else []
    if not peers:
        print(f"{' and '.join(PEER_NAMES)} skipped: no Python with causalml was named")
    contacts = contacts_of(rows, X, "conversion")
    qini = show_qinis(qini_table(contacts, names + peers, given), "conversion")
    values = {name: policy_values(rows, X, name, given.quick) for name in ("conversion", "spend")}
    print(
        json.dumps(
            {"qini": qini | {BASELINE: {"mean": 0.0, "spread": 0.0}}}
            | {
                name: {outcome: found[name] for outcome, found in values.items()}
                for name in ("policy_value", "mens_to_all")
            }
        )
    )


if __name__ == "__main__":
    main()
