# shellcheck shell=bash
# tiny.yaml, a study of seconds, and its grid.yaml, in the working folder. Read it behind checks.sh.
cat >grid.yaml <<'YAML'
model: conv 4 5x5 | relu | maxpool 4 | dense {width} | relu | dense classes
parameters:
  - {name: optimizer, values: [sgd, adam]}
  - {name: width, values: [8, 16]}
YAML
cat >tiny.yaml <<'YAML'
data: ["hand:n=400,test=120", "street:n=500,test=120"]
grid: grid.yaml
train: {epochs: 2, lr: 0.01, batch: 32}
features: {neighbors: 8}
imbalance:
  classes: [1, 2]
  cases: ["1:10,2:30", all]
YAML
