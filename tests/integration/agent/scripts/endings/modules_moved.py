import json
import sys

moved = sys.modules.pop("json")
sys.modules.pop("json.decoder")
import own  # has an object with a finalizer

sys.modules["json"] = moved
print(own.__name__, len(json.dumps([])))
