import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

# Mini-batches, dropout and Adam; X has one example per column


def initialize_parameters(n_x, n_h, n_y):
    W1 = np.random.randn(n_h, n_x) * np.sqrt(2.0 / n_x)
    b1 = np.zeros((n_h, 1))
    W2 = np.random.randn(n_y, n_h) * np.sqrt(2.0 / n_h)
    b2 = np.zeros((n_y, 1))
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}


def forward_propagation(X, parameters, keep_prob=1.0):
    Z1 = np.dot(parameters["W1"], X) + parameters["b1"]
    A1 = np.maximum(0, Z1)
    D1 = np.random.rand(A1.shape[0], A1.shape[1])
    D1 = (D1 < keep_prob).astype(int)
    A1 = A1 * D1
    A1 = A1 / keep_prob
    Z2 = np.dot(parameters["W2"], A1) + parameters["b2"]
    exps = np.exp(Z2 - Z2.max(axis=0))
    A2 = exps / exps.sum(axis=0)
    return A2, {"Z1": Z1, "D1": D1, "A1": A1, "A2": A2}


def compute_cost(A2, Y):
    m = Y.shape[1]
    return -(1.0 / m) * np.sum(Y * np.log(A2 + 1e-9))


def backward_propagation(X, Y, parameters, cache, keep_prob=1.0):
    m = X.shape[1]
    dZ2 = (cache["A2"] - Y) / m
    dW2 = np.dot(dZ2, cache["A1"].T)
    db2 = np.sum(dZ2, axis=1, keepdims=True)
    dA1 = np.dot(parameters["W2"].T, dZ2)
    dA1 = dA1 * cache["D1"]
    dA1 = dA1 / keep_prob
    dZ1 = dA1 * (cache["Z1"] > 0)
    dW1 = np.dot(dZ1, X.T)
    db1 = np.sum(dZ1, axis=1, keepdims=True)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def initialize_adam(parameters):
    v = {k: np.zeros_like(p) for k, p in parameters.items()}
    s = {k: np.zeros_like(p) for k, p in parameters.items()}
    return v, s


def update_parameters_with_adam(parameters, grads, v, s, t, learning_rate=0.005,
                                beta1=0.9, beta2=0.999, epsilon=1e-8):
    for key in parameters:
        v[key] = beta1 * v[key] + (1 - beta1) * grads[key]
        v_corrected = v[key] / (1 - np.power(beta1, t))
        s[key] = beta2 * s[key] + (1 - beta2) * np.power(grads[key], 2)
        s_corrected = s[key] / (1 - np.power(beta2, t))
        parameters[key] = parameters[key] - learning_rate * v_corrected / (np.sqrt(s_corrected) + epsilon)
    return parameters, v, s


def random_mini_batches(X, Y, size):
    order = np.random.permutation(X.shape[1])
    X, Y = X[:, order], Y[:, order]
    return [(X[:, k:k + size], Y[:, k:k + size]) for k in range(0, X.shape[1], size)]


def train(X, Y, num_epochs=15, keep_prob=0.9):
    parameters = initialize_parameters(64, 40, 10)
    v, s = initialize_adam(parameters)
    t = 0
    for epoch in range(num_epochs):
        for X_b, Y_b in random_mini_batches(X, Y, 32):
            A2, cache = forward_propagation(X_b, parameters, keep_prob)
            cost = compute_cost(A2, Y_b)
            grads = backward_propagation(X_b, Y_b, parameters, cache, keep_prob)
            t = t + 1
            parameters, v, s = update_parameters_with_adam(parameters, grads, v, s, t)
        print("epoch", epoch, "cost", cost)
    return parameters


np.random.seed(5)
if __name__ == "__main__":
    data = load_digits()
    X_train, X_test, y_train, y_test = train_test_split(data.data / 16., data.target, test_size=0.2)
    parameters = train(X_train.T, np.eye(10)[y_train].T)
    guesses = forward_propagation(X_test.T, parameters)[0].argmax(axis=0)
    print("accuracy", np.mean(guesses == y_test))
