import numpy as np
from sklearn.datasets import load_digits

# 시그모이드와 제곱 오차만으로 만든 신경망 (클래스 없음)


def nonlin(x, deriv=False):
    if deriv:
        return x * (1 - x)   # x는 이미 시그모이드의 출력
    return 1 / (1 + np.exp(-x))


np.random.seed(1)
syn0 = (2 * np.random.random((64, 32)) - 1) * 0.3
bias0 = np.zeros((1, 32))
syn1 = (2 * np.random.random((32, 32)) - 1) * 0.4
bias1 = np.zeros((1, 32))
syn2 = (2 * np.random.random((32, 10)) - 1) * 0.4
bias2 = np.zeros((1, 10))
alpha = 2.0
batch = 20

digits = load_digits()
images = digits.data / 16.0
targets = np.eye(10)[digits.target]
split = int(len(images) * 0.8)

for j in range(1500):
    rows = np.random.randint(0, split, batch)
    l0 = images[rows]
    y = targets[rows]

    l1 = nonlin(np.dot(l0, syn0) + bias0)
    l2 = nonlin(np.dot(l1, syn1) + bias1)
    l3 = nonlin(np.dot(l2, syn2) + bias2)

    l3_error = l3 - y
    cost = np.sum(l3_error ** 2) / (2 * len(y))
    if j % 500 == 0:
        print("Error:", cost)

    l3_delta = l3_error * nonlin(l3, deriv=True)
    l2_error = l3_delta.dot(syn2.T)
    l2_delta = l2_error * nonlin(l2, deriv=True)
    l1_error = l2_delta.dot(syn1.T)
    l1_delta = l1_error * nonlin(l1, deriv=True)

    syn2 -= alpha * l2.T.dot(l3_delta) / len(y)
    bias2 -= alpha * l3_delta.sum(axis=0, keepdims=True) / len(y)
    syn1 -= alpha * l1.T.dot(l2_delta) / len(y)
    bias1 -= alpha * l2_delta.sum(axis=0, keepdims=True) / len(y)
    syn0 -= alpha * l0.T.dot(l1_delta) / len(y)
    bias0 -= alpha * l1_delta.sum(axis=0, keepdims=True) / len(y)

hidden = nonlin(np.dot(nonlin(np.dot(images[split:], syn0) + bias0), syn1) + bias1)
output = nonlin(np.dot(hidden, syn2) + bias2)
print("accuracy", np.mean(output.argmax(axis=1) == digits.target[split:]))
