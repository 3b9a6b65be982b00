"""Examine the model in `model/`: what it takes, whether ONNX answers alike. Writes report.json and model.onnx.

Deliberately empty of names: definitions of the training script are put into this module.
"""

if __name__ == "__main__":
    from orris_conversion.examine import main as __orris_main__

    __orris_main__()
