import numpy as np
from tensorflow.keras.datasets import mnist


def initialize_parameters(n_x, n_h, n_y):
    np.random.seed(7)
    return {
        "W1": np.random.randn(n_x, n_h) * np.sqrt(1 / n_x),
        "b1": np.zeros((1, n_h)),
        "W2": np.random.randn(n_h, n_y) * np.sqrt(1 / n_h),
        "b2": np.zeros((1, n_y)),
    }


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def forward_propagation(X, parameters):
    Z1 = np.dot(X, parameters["W1"]) + parameters["b1"]
    A1 = sigmoid(Z1)
    Z2 = np.dot(A1, parameters["W2"]) + parameters["b2"]
    A2 = softmax(Z2)
    return A2, {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}


def compute_cost(A2, Y, parameters, lambd):
    m = Y.shape[0]
    cross_entropy = -np.sum(Y * np.log(A2 + 1e-10)) / m
    l2 = lambd / (2 * m) * (np.sum(np.square(parameters["W1"])) + np.sum(np.square(parameters["W2"])))
    return cross_entropy + l2


def backward_propagation(X, Y, parameters, cache, lambd):
    m = X.shape[0]
    dZ2 = cache["A2"] - Y
    dW2 = np.dot(cache["A1"].T, dZ2) / m + lambd / m * parameters["W2"]
    db2 = np.sum(dZ2, axis=0, keepdims=True) / m
    dA1 = np.dot(dZ2, parameters["W2"].T)
    dZ1 = dA1 * cache["A1"] * (1 - cache["A1"])
    dW1 = np.dot(X.T, dZ1) / m + lambd / m * parameters["W1"]
    db1 = np.sum(dZ1, axis=0, keepdims=True) / m
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}


def update_parameters(parameters, grads, learning_rate):
    updated = {}
    for key in parameters:
        updated[key] = parameters[key] - learning_rate * grads["d" + key]
    return updated


def model(X, Y, n_h=64, epochs=10, batch_size=64, learning_rate=0.5, lambd=0.05):
    parameters = initialize_parameters(X.shape[1], n_h, Y.shape[1])
    for epoch in range(epochs):
        order = np.random.permutation(X.shape[0])
        X_shuffled, Y_shuffled = X[order], Y[order]
        for k in range(0, X.shape[0], batch_size):
            X_batch = X_shuffled[k:k + batch_size]
            Y_batch = Y_shuffled[k:k + batch_size]
            A2, cache = forward_propagation(X_batch, parameters)
            cost = compute_cost(A2, Y_batch, parameters, lambd)
            grads = backward_propagation(X_batch, Y_batch, parameters, cache, lambd)
            parameters = update_parameters(parameters, grads, learning_rate)
        print("Cost after epoch %i: %f" % (epoch, cost))
    return parameters


def predict(X, parameters):
    A2, _ = forward_propagation(X, parameters)
    return np.argmax(A2, axis=1)


(X_train, y_train), (X_test, y_test) = mnist.load_data()
X_train = X_train.reshape(X_train.shape[0], -1).astype("float64") / 255
X_test = X_test.reshape(X_test.shape[0], -1).astype("float64") / 255
Y_train = np.zeros((y_train.size, 10))
Y_train[np.arange(y_train.size), y_train] = 1
parameters = model(X_train, Y_train)
print("Test accuracy:", np.mean(predict(X_test, parameters) == y_test))
