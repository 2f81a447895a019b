# shellcheck shell=bash
# tiny.yaml, a study of seconds, with its grid.yaml, and sections.yaml, one of nothing but what is compared seed by seed, in the working
# folder. Read it behind checks.sh.
cat >grid.yaml <<'YAML'
model: conv 4 5x5 | relu | maxpool 4 | dense {width} | relu | dense classes
parameters:
  - {name: optimizer, values: [sgd, adam]}
  - {name: width, values: [8, 16]}
YAML
cat >tiny.yaml <<'YAML'
data: ["hand:n=400,test=120", "street:n=500,test=120"]
claims: report
grid: grid.yaml
train: {epochs: 2, lr: 0.01, batch: 32}
features: {neighbors: 8}
cross: true
imbalance:
  classes: [1, 2]
  cases: ["1:10,2:30", all]
YAML
cat >sections.yaml <<'YAML'
data: ["hand:n=300,test=100", "street:n=300,test=100"]
model: conv 4 5x5 | bn | relu | maxpool 4 | dense 8 | relu | dense classes
claims: report
train: {epochs: 2, lr: 0.01, optimizer: adam, batch: 32}
features: {neighbors: 8}
transfer: {sizes: [2, all], seeds: 2, steps: 3, train: {epochs: 1, lr_backbone: 0.5}}
adaptation: {methods: [mean-teacher, self-train], seeds: 2, train: {epochs: 2, adapt_round: 1}}
attention:
  seeds: 2
  train: {epochs: 1}
  models:
    - {name: plain, model: "conv 4 5x5 | relu | maxpool 4 | dense classes"}
    - {name: gated, model: "conv 4 5x5 | relu | se 2 | maxpool 4 | dense classes"}
YAML
