"""Adapters: what latprof knows of other libraries' objects, one library a file.

An adapter never imports its library. Whoever holds an object has imported what it is made of.
"""
