from azureml.contrib.services.aml_request import rawhttp
from azureml.contrib.services.aml_response import AMLResponse


def init():
    pass


@rawhttp
def run(request):
    if request.method == "GET":
        return dict(request.args)
    file = request.files["image"]
    return AMLResponse(file.filename.encode() + file.read(), 201, {"Content-Type": "image/png"})
