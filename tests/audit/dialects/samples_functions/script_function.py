# ruff: noqa
import numpy as np
import matplotlib.pyplot as plt


def train(X, Y, hidden=6, lr=0.2, momentum=0.9, epochs=2000):
    n_samples, n_features = X.shape
    n_classes = Y.shape[1]
    w_hidden = np.random.normal(0, 0.5, (n_features, hidden))
    w_out = np.random.normal(0, 0.5, (hidden, n_classes))
    b_hidden = np.zeros(hidden)
    b_out = np.zeros(n_classes)
    vel_hidden = np.zeros_like(w_hidden)
    vel_out = np.zeros_like(w_out)
    vel_b_hidden = np.zeros_like(b_hidden)
    vel_b_out = np.zeros_like(b_out)
    history = []
    for epoch in range(epochs):
        hidden_out = np.tanh(X @ w_hidden + b_hidden)
        y_pred = hidden_out @ w_out + b_out
        mse = np.mean((y_pred - Y) ** 2)
        history.append(mse)
        grad_out = 2 * (y_pred - Y) / Y.size
        grad_hidden = (grad_out @ w_out.T) * (1 - hidden_out**2)
        vel_out = momentum * vel_out - lr * (hidden_out.T @ grad_out)
        vel_hidden = momentum * vel_hidden - lr * (X.T @ grad_hidden)
        vel_b_out = momentum * vel_b_out - lr * grad_out.sum(axis=0)
        vel_b_hidden = momentum * vel_b_hidden - lr * grad_hidden.sum(axis=0)
        w_out = w_out + vel_out
        w_hidden = w_hidden + vel_hidden
        b_out = b_out + vel_b_out
        b_hidden = b_hidden + vel_b_hidden
    return w_hidden, b_hidden, w_out, b_out, history


if __name__ == "__main__":
    X = np.random.randn(100, 4)
    Y = np.sin(X[:, :2])
    *weights, history = train(X, Y)
    plt.plot(history)
    plt.show()
