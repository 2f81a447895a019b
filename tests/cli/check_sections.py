"""check_sections.py STUDY: the figures' data against study.json, and both against the runs' own files."""
import csv
import json
import sys

study = sys.argv[1]
T1 = 12.706204736  # Student's t of one degree of freedom, 97.5 %
document = json.load(open(study + "/study.json"))
results, recipe = document["results"], document["recipe"]
others = {"hand": "street", "street": "hand"}
roles = {"hand": "mnist", "street": "svhn"}
wrong = []


def same(what, a, b):
    if abs(float(a) - b) > 1e-7:
        wrong.append(f"{what}: {a}, expected {b}")


def interval(runs):
    a, b = (run["accuracy"] for run in runs)
    half = T1 * abs(a - b) / 2
    return (a + b) / 2, max((a + b) / 2 - half, 0), min((a + b) / 2 + half, 1)


def check_row(what, row, runs):
    for key, value in zip(("accuracy", "low", "high"), interval(runs)):
        same(f"{what} {key}", row[key], value)
    same(what + " runs", row["runs"], len(runs))


def tested(folder):
    rows = list(csv.DictReader(open(f"{study}/{folder}/predictions.csv")))
    return sum(row["correct"] == "1" for row in rows) / len(rows), [row["image"] for row in rows]


for name, other in others.items():
    key, pair = name, f"{other}-on-{name}"
    images = {}
    rows = list(csv.DictReader(open(f"{study}/figures/transfer-{pair}.csv")))
    if [row["size"] + row["way"] for row in rows] != ["2new", "2from", "allnew", "allfrom"]:
        wrong.append(f"rows of transfer-{name}.csv")
    for row in rows:
        runs = results["transfer"][pair][row["size"]][row["way"]]
        check_row(f"{name} {row['size']} {row['way']}", row, runs)
        for seed, run in enumerate(runs, 1):
            folder = f"transfer-{pair}-{row['size']}-{row['way']}-s{seed}"
            accuracy, order = tested(folder)
            same(folder, accuracy, run["accuracy"])
            if images.setdefault(seed, order) != order:
                wrong.append(folder + ": other test images than the other runs of the seed")
            config = json.load(open(f"{study}/{folder}/config.json"))
            if ("from" in config) != (row["way"] == "from"):
                wrong.append(folder + ": whether weights are taken")
            if config["train"].get("lr_backbone", 1) != (0.5 if row["way"] == "from" else 1):
                wrong.append(folder + ": lr_backbone")
            if config["split"]["seed"] != seed or config["train"]["stop_on"] != "last":
                wrong.append(folder + ": split seed, or which epoch is taken")
            if run["images"] != (20 if row["size"] == "2" else run["images"]) or run["epochs_run"] != (3 if row["size"] == "2" else 1):
                wrong.append(folder + ": images or epochs")
        same("images per class", row["images_per_class"], sum(run["images"] for run in runs) / len(runs) / 10)
    if images[1] == images[2]:
        wrong.append(name + ": both seeds have the same test images")
    rows = list(csv.DictReader(open(f"{study}/figures/attention-{name}.csv")))
    if [row["network"] for row in rows] != ["plain", "gated"]:
        wrong.append(f"rows of attention-{name}.csv")
    for row in rows:
        check_row(f"{name} {row['network']}", row, results["attention"][key][row["network"]])
    rows = list(csv.DictReader(open(f"{study}/transfer-umap-{pair}/umap.csv")))
    n = results["transfer_features"][pair]["n"]
    if [row["when"] for row in rows] != ["before"] * n + ["after"] * n or [row["image"] for row in rows[:n]] != images[1]:
        wrong.append(name + ": rows of umap.csv")

claims = {claim["id"]: claim for claim in document["claims"]}
for name, other in others.items():
    for size in ("2", "all"):
        ways = results["transfer"][f"{other}-on-{name}"][size]
        gains = [a["accuracy"] - b["accuracy"] for a, b in zip(ways["from"], ways["new"])]
        claim = claims[f"transfer.{roles[other]}-on-{roles[name]}.{size}.from.accuracy"]
        same(claim["id"], claim["measured"], sum(gains) / 2)
        same(claim["id"] + " high", claim["interval"][1], sum(gains) / 2 + T1 * abs(gains[0] - gains[1]) / 2)
sys.exit("\n".join(wrong) if wrong else 0)
