"""What scoring scripts use of Azure's: the request and the response, on every Python."""

from __future__ import annotations

from .conftest import Program


def test_a_request_has_what_flasks_have(program: Program) -> None:
    program.execute(
        """
        from azureml.contrib.services.aml_request import AMLRequest
        request = AMLRequest("POST", "/score", "a=1&a=2&b=", {"content-type": "application/json", "x-mine": "y"},
                             b'{"data": [1]}')
        assert (request.method, request.path, request.full_path) == ("POST", "/score", "/score?a=1&a=2&b=")
        assert request.args["a"] == "1" and request.args.getlist("a") == ["1", "2"] and request.args["b"] == ""
        assert request.args.get("a", type=int) == 1 and request.args.get("c", 7) == 7
        assert request.args.get("b", 5, type=int) == 5
        assert request.headers["X-Mine"] == request.headers.get("x-mine") == "y" and "X-MINE" in request.headers
        assert request.headers.get("none") is None and dict(request.headers)["X-Mine"] == "y"
        assert request.get_data() == request.data == b'{"data": [1]}' and request.get_data(as_text=True)[0] == "{"
        assert request.json == request.get_json() == {"data": [1]} and request.is_json
        assert AMLRequest(data=b"[1]").get_json() is None and AMLRequest(data=b"[1]").get_json(force=True) == [1]
        assert AMLRequest(data=b"[").get_json(force=True, silent=True) is None
        form = AMLRequest(headers={"Content-Type": "application/x-www-form-urlencoded"}, data=b"a=1&b=x+y")
        assert dict(form.form) == {"a": "1", "b": "x y"} and not form.files
        assert not AMLRequest().form and not AMLRequest().files
        """
    )


def test_files_of_a_form_come_as_they_were_sent(program: Program) -> None:
    program.execute(
        r"""
        import os
        from azureml.contrib.services.aml_request import AMLRequest
        contents = [bytes(range(256)) * 5, b"\r\n--x", b"\n", b"\r", b"", b"\r\n\r\n", b"end\r\n", os.urandom(5000)]
        body = b""
        for number, content in enumerate(contents):
            body += b"--bound\r\nContent-Disposition: form-data; name=\"f\"; filename=\"%d.bin\"\r\n" % number
            body += b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n"
        body += b"--bound\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\ngr\xc3\xbc\xc3\x9fe\r\n--bound--\r\n"
        request = AMLRequest(headers={"Content-Type": "multipart/form-data; boundary=bound"}, data=body)
        files = request.files.getlist("f")
        assert [file.read() for file in files] == contents, [file.getvalue()[:20] for file in files]
        assert request.files["f"].filename == "0.bin" and request.files["f"].content_type == "application/octet-stream"
        assert request.form["text"] == "gr\xfc\xdfe" and "text" not in request.files
        request.files["f"].save("saved")
        assert open("saved", "rb").read() == contents[0]
        try:
            AMLRequest(headers={"Content-Type": "multipart/form-data"}, data=b"x").files
        except ValueError as error:
            assert "multipart" in str(error)
        else:
            raise SystemExit("accepted")
        """
    )


def test_a_response_is_text_bytes_or_json(program: Program) -> None:
    program.execute(
        """
        from azureml.contrib.services.aml_response import AMLResponse
        plain = AMLResponse(b"x", 200, {"content-type": "image/png"})
        assert (plain.status_code, plain.get_data(), plain.headers["Content-Type"]) == (200, b"x", "image/png")
        as_json = AMLResponse({"a": 1}, 400, json_str=True)
        assert as_json.get_data(as_text=True) == '{"a": 1}' and as_json.headers["content-type"] == "application/json"
        assert AMLResponse(None, 200).data == b"{}" and AMLResponse("text", 200).data == b"text"
        plain.headers["x-mine"] = 1
        plain.headers.add("X-Mine", 2)
        plain.set_data("other")
        assert (plain.headers["X-MINE"], plain.data) == ("1, 2", b"other")
        """
    )
