"""Two apples at 100 each, with 10 % tax."""

from handgrad.book import MulLayer

apple, apple_num, tax = 100, 2, 1.1

apples_layer = MulLayer()
tax_layer = MulLayer()

apples_price = apples_layer.forward(apple, apple_num)
price = tax_layer.forward(apples_price, tax)

dapples_price, dtax = tax_layer.backward(1)
dapple, dapple_num = apples_layer.backward(dapples_price)

print("price:", int(price))
print("dApple:", dapple)
print("dApple_num:", int(dapple_num))
print("dTax:", dtax)
