"""The judge: is this gradient right, and how do we know?"""
