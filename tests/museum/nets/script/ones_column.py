"""Logistic regression with ten outputs: one matrix, the bias as an input that is always 1."""
import numpy as np

table = np.loadtxt("mnist_train.csv", delimiter=",")
test = np.loadtxt("mnist_test.csv", delimiter=",")

X = np.hstack([table[:, 1:] / 255, np.ones((len(table), 1))])
y = table[:, 0].astype(int)
X_test = np.hstack([test[:, 1:] / 255, np.ones((len(test), 1))])
y_test = test[:, 0].astype(int)

np.random.seed(0)
theta = np.random.randn(785, 10) * 0.01
lr = 0.2

for epoch in range(20):
    order = np.random.permutation(len(X))
    for start in range(0, len(order), 25):
        rows = order[start:start + 25]
        xb, yb = X[rows], y[rows]
        scores = xb @ theta
        scores = scores - np.max(scores, axis=1, keepdims=True)
        probs = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
        loss = np.mean(-np.log(probs[np.arange(len(yb)), yb]))

        grad_scores = probs
        grad_scores[np.arange(len(yb)), yb] -= 1
        grad = xb.T @ grad_scores / len(yb)
        theta = theta - lr * grad
    print("epoch", epoch, "loss", loss)

print("test accuracy", np.mean(np.argmax(X_test @ theta, axis=1) == y_test))
