"""The embedded default: a small real sentiment service, in a healthy and a slow variant.

    service   the service, its two variants and how to make them
    faults    variants with a single fault, one for each family of causes
    lookup    the remote glossary that the slow variant waits for
    reviews   the texts that the demo sends
    model/    the classifier (ONNX) and its tokenizer, trained by tools/train_demo_model.py

It needs `pip install "latprof[demo]"`; importing this package does not.
"""
