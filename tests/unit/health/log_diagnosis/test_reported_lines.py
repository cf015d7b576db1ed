"""Lines that people showed when they asked for help: written down before the rules were tried on them."""

# ruff: noqa: E501 — lines of programs are as long as they are

import pytest

from steadfast.health.log_diagnosis.log_line import read_line
from steadfast.health.log_diagnosis.prefilter import Prefilter
from steadfast.health.log_diagnosis.rule_files import builtin_rules

REPORTED = (
    (
        "driver_mismatch",
        "        CPU_PINNED: failed to allocate pinned system memory: CUDA driver version is insufficient for CUDA runtime version",
    ),
    (
        "device_out_of_memory",
        "Processing:  99%| 1732/1744 [08:43<00:03,  3.79frame/s, execution_providers=['CUDAExecutionProvider'], execution_thre[ONNXRuntimeError] : 1 : FAIL : D:\\a\\_work\\1\\s\\onnxruntime\\core\\providers\\cuda\\cuda_call.cc:114 onnxruntime::CudaCall CUDA failure 2: out of memory ; GPU=0 ; hostname=X",
    ),
    (
        "device_out_of_memory",
        "E:onnxruntime:Default, tensorrt_execution_provider.h:50 log] [2022-03-04 13:39:28 ERROR] ../rtSafe/safeRuntime.cpp (25) - Cuda Error in allocate: 2 (out of memory)",
    ),
    (
        "device_out_of_memory",
        "| dolly_v1_6b_onnx | 1       | UNAVAILABLE: Internal: onnx runtime error 6: Exception during initialization: /workspace/onnxruntime/onnxruntime/core/framework/bfc_arena.cc:368 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*, bool, onnxruntime::WaitNotificationFn) Failed to allocate memory for requested buffer of size 268435456 |",
    ),
    (
        "download_cut",
        "Error: All model downloads failed. Last error: error sending request for url (https://example.org/whisper.cpp/resolve/main/ggml-medium.bin)",
    ),
    ("download_cut", "Error: All model downloads failed. Last error: Error while downloading file"),
    (
        "model_missing",
        "!!! Exception during processing !!! An error happened while trying to locate the files on the Hub and we cannot find the appropriate snapshot folder for the specified revision on the local disk.",
    ),
    ("host_out_of_memory", "Process finished with exit code 137 (interrupted by signal 9:SIGKILL)"),
    ("too_many_open_files", "[warn] accept_socket: bad accept: Too many open files"),
    ("too_many_open_files", "[Error 24] Too many open files"),
    (
        "too_many_open_files",
        "Oct 11 17:12:50 nac1 fingerbank-collector: http: Accept error: accept tcp [::]:4723: accept4: too many open files; retrying in 1s",
    ),
    ("provider_fallback", "Error loading onnxruntime_providers_cuda.dll: cublasLt64_13.dll is missing"),
    (
        "provider_fallback",
        "2021-07-07 13:05:25.688463: W tensorflow/stream_executor/platform/default/dso_loader.cc:60] Could not load dynamic library 'libcudart.so.11.0'; dlerror: libcudart.so.11.0: cannot open shared object file: No such file or directory; LD_LIBRARY_PATH: /usr/local/cuda-10.0/lib64",
    ),
    (
        "provider_fallback",
        "  Message=[ErrorCode:Fail] OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library",
    ),
    (
        "provider_fallback",
        'model load failed with GPU enabled, falling back to CPU: sona load_model failed: {"error":{"code":"internal_error"}}',
    ),
    (
        "provider_fallback",
        '[E:onnxruntime:Default, provider_bridge_ort.cc:995 onnxruntime::ProviderLibrary::Get] LoadLibrary failed with error 126 "The specified module could not be found." when trying to load "d:\\Miniconda3\\envs\\talking-head\\lib\\site-packages\\onnxruntime\\capi\\onnxruntime_providers_tensorrt.dll"',
    ),
    ("segfault", 'Thread 1 "python3" received signal SIGSEGV, Segmentation fault.'),
    (
        "segfault",
        "/home/runner/work/_temp/aa3d75e7.sh: line 4:  2369 Segmentation fault      (core dumped) python generate.py --dtype x",
    ),
    ("segfault", "Program terminated with signal SIGSEGV, Segmentation fault."),
    ("model_damaged", "safetensors_rust.SafetensorError: Error while deserializing header: header too large"),
    (
        "model_damaged",
        "The safetensors file is corrupt or invalid. Make sure this is actually a safetensors file and not a ckpt or pt or other filetype.",
    ),
    (
        "model_damaged",
        "RuntimeError: PytorchStreamReader failed reading file .format_version: invalid header or archive is corrupted. This is an internal miniz error.",
    ),
    (
        "model_damaged",
        "ValidationError: Unable to parse proto from file: /home/x/decoder.onnx. Please check if it is a valid protobuf file of proto.",
    ),
    (
        "precision_mismatch",
        "InvalidArgument: [ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Unexpected input data type. Actual: (tensor(double)) , expected: (tensor(float))",
    ),
    (
        "precision_mismatch",
        "InvalidArgument: [ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Unexpected input data type. Actual: (N11onnxruntime17PrimitiveDataTypeINS_9MLFloat16EEE) , expected: (N11onnxruntime17PrimitiveDataTypeIfEE",
    ),
    (
        "precision_mismatch",
        "Microsoft.ML.OnnxRuntime.OnnxRuntimeException: '[ErrorCode:InvalidArgument] Unexpected input data type. Actual: (tensor(float)) , expected: (tensor(float16))",
    ),
    (
        "driver_mismatch",
        "THCudaCheck FAIL file=/home/p/THCGeneral.c line=70 error=35 : CUDA driver version is insufficient for CUDA runtime version",
    ),
    (
        "driver_mismatch",
        "tensorflow.python.framework.errors_impl.InternalError: cudaGetDevice() failed. Status: CUDA driver version is insufficient for CUDA runtime version",
    ),
    ("queue_jam", "503 Service Unavailable: exceeds maximum queue size"),
    ("host_out_of_memory", "Aug 17 06:27:33 hgz kernel: Task in /13 killed as a result of limit of /13"),
    (
        "host_out_of_memory",
        "Jun 23 10:10:34 hv kernel: CPU 2/KVM invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=872",
    ),
    (
        "library_missing",
        "ImportError cv2 libEGL.so.1: cannot open shared object file: No such file or directory",
    ),
    ("library_missing", "Could not find encoder for codec id 27: Encoder not found"),
    (
        "model_damaged",
        "onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf: [ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Load model from C:\\ckpt/humanparsing/parsing_atr.onnx failed:Protobuf parsing failed.",
    ),
    (
        None,
        "2021-10-11 19:50:28.8453389 [W:onnxruntime:, fallback_cpu_capability.cc:135 onnxruntime::GetCpuPreferredNodes] Force fallback to CPU execution for node: Slice_339",
    ),
    (
        None,
        "2021-07-07 13:05:25.688498: I tensorflow/stream_executor/cuda/cudart_stub.cc:29] Ignore above cudart dlerror if you do not have a GPU set up on your machine.",
    ),
    (
        None,
        "2021-07-07 13:05:27.837763: I tensorflow/stream_executor/platform/default/dso_loader.cc:49] Successfully opened dynamic library libcuda.so.1",
    ),
    (
        None,
        "2022-10-06 19:35:21.091480: I tensorflow_serving/core/loader_harness.cc:87] Successfully loaded servable version {name: taxonomy version: 1}",
    ),
    (
        None,
        "2026-04-02 13:12:46.484140+08:00 - gpustack.gateway.utils - INFO - Updated WasmPlugin gpustack-ai-proxy in namespace higress-system.",
    ),
    (
        None,
        "The config attributes {'decay': 0.9999, 'inv_gamma': 1.0} were passed to UNet2DConditionModel, but are not expected and will be ignored. Please verify your config.json configuration file.",
    ),
    (
        None,
        "2024-12-05 15:16:53.5849547 [I:onnxruntime:, session_state_utils.cc:427 onnxruntime::session_state_utils::SaveInitializedTensors] Done saving initialized tensors",
    ),
    (None, "TracerWarning: Converting a tensor to a Python boolean might cause the trace to be incorrect."),
)

PHRASED = (
    ("device_out_of_memory", "RuntimeError: CUDA error: out of memory"),
    (
        "device_out_of_memory",
        "onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException: [ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running Conv node. Name:'Conv_12' Status Message: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:368 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested buffer of size 268435456",
    ),
    (
        "device_out_of_memory",
        "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 4294967296 bytes.",
    ),
    ("device_out_of_memory", "torch.OutOfMemoryError: HIP out of memory. Tried to allocate 1.5 GiB"),
    ("device_out_of_memory", "CUDNN_STATUS_NOT_SUPPORTED ... cudaMalloc failed: out of memory"),
    (
        "device_out_of_memory",
        "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 3072.00 MiB on device 0: cudaMalloc failed: out of memory",
    ),
    (
        "host_out_of_memory",
        "[123456.789] Out of memory: Killed process 4242 (python3) total-vm:32000000kB, anon-rss:15000000kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:31000kB oom_score_adj:0",
    ),
    (
        "host_out_of_memory",
        "numpy.core._exceptions._ArrayMemoryError: Unable to allocate 23.8 GiB for an array with shape (1000, 3200000) and data type float64",
    ),
    ("host_out_of_memory", "terminate called after throwing an instance of 'std::bad_alloc'"),
    ("host_out_of_memory", "fatal error: runtime: out of memory"),
    ("host_out_of_memory", "Reason: OOMKilled   Exit Code: 137"),
    ("host_out_of_memory", "fork: Cannot allocate memory"),
    (
        "segfault",
        "kernel: python[2211]: segfault at 7f0c ip 00007f11 sp 00007ffc error 4 in libonnxruntime.so.1.17[7f10+2000]",
    ),
    ("segfault", "[1]    12345 segmentation fault (core dumped)  python server.py"),
    ("segfault", "Process finished with exit code 139 (interrupted by signal 11: SIGSEGV)"),
    ("segfault", "A worker in the pool was terminated by signal SIGABRT"),
    (
        "model_damaged",
        "RuntimeError: PytorchStreamReader failed reading zip archive: failed finding central directory",
    ),
    ("model_damaged", "safetensors_rust.SafetensorError: Error while deserializing header: HeaderTooLarge"),
    ("model_damaged", "sha256 mismatch for model.onnx: expected abc got def"),
    ("model_damaged", "OSError: Unable to load weights from pytorch checkpoint file"),
    (
        "model_damaged",
        "[E:onnxruntime:, inference_session.cc:1532] Load model from model.onnx failed:Protobuf parsing failed.",
    ),
    ("model_missing", "FileNotFoundError: [Errno 2] No such file or directory: '/models/inswapper_128.onnx'"),
    (
        "model_missing",
        "NoSuchFile: [ONNXRuntimeError] : 3 : NO_SUCHFILE : Load model from det_10g.onnx failed:Load model det_10g.onnx failed. File doesn't exist",
    ),
    (
        "model_missing",
        "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find an appropriate cached snapshot folder for the specified revision",
    ),
    (
        "download_cut",
        "urllib.error.ContentTooShortError: <urlopen error retrieval incomplete: got only 1048576 out of 174383860 bytes>",
    ),
    (
        "download_cut",
        "requests.exceptions.ChunkedEncodingError: ('Connection broken: IncompleteRead(10 bytes read, 90 more expected)')",
    ),
    ("download_cut", "curl: (56) Recv failure: Connection reset by peer"),
    ("library_missing", "[error] Unknown encoder 'libx264'"),
    ("library_missing", "av.error.EncoderNotFoundError: [Errno 1129203192] Encoder not found"),
    ("library_missing", "cv2.error: OpenCV: FFMPEG: tag 0x34363268/'h264' is not supported with codec id 27"),
    ("library_missing", "ImportError: libGL.so.1: cannot open shared object file: No such file or directory"),
    ("library_missing", "/bin/sh: 1: ffmpeg: not found"),
    (
        "library_missing",
        "ImportError: libgthread-2.0.so.0: cannot open shared object file: No such file or directory",
    ),
    ("driver_mismatch", "CUDA error: no kernel image is available for execution on the device"),
    ("driver_mismatch", "Failed to initialize NVML: Driver/library version mismatch"),
    ("driver_mismatch", "The NVIDIA driver on your system is too old (found version 11040)."),
    (
        "driver_mismatch",
        "cudaGetDeviceCount() failed. Status: CUDA driver version is insufficient for CUDA runtime version",
    ),
    (
        "provider_fallback",
        "UserWarning: Specified provider 'CUDAExecutionProvider' is not in available provider names.Available providers: 'CPUExecutionProvider'",
    ),
    (
        "provider_fallback",
        "[W:onnxruntime:Default] Failed to create CUDAExecutionProvider. Please reference https://onnxruntime.ai",
    ),
    ("provider_fallback", "torch.cuda.is_available() returned False, inference will run on CPU"),
    (
        "provider_fallback",
        "Could not load dynamic library 'libcudart.so.11.0'; Skipping registering GPU devices...",
    ),
    (
        "precision_mismatch",
        "RuntimeError: Input type (torch.cuda.HalfTensor) and weight type (torch.cuda.FloatTensor) should be the same",
    ),
    (
        "precision_mismatch",
        "RuntimeError: expected m1 and m2 to have the same dtype, but got: float != c10::Half",
    ),
    (
        "precision_mismatch",
        "Unexpected input data type. Actual: (tensor(float)) , expected: (tensor(float16))",
    ),
    ("disk_full", "OSError: [Errno 28] No space left on device"),
    ("disk_full", "write /var/lib/docker/tmp: no space left on device"),
    ("disk_full", "sqlite3.OperationalError: database or disk is full"),
    ("too_many_open_files", "OSError: [Errno 24] Too many open files: '/tmp/x'"),
    ("too_many_open_files", "accept4: too many open files; retrying in 1s"),
    ("too_many_open_files", "socket.accept() out of system resource ... EMFILE"),
    ("device_fault", "NVRM: Xid (PCI:0000:65:00): 79, pid=1234, GPU has fallen off the bus."),
    ("device_fault", "CUDA error: an illegal memory access was encountered"),
    ("device_fault", "CUDA error: device-side assert triggered"),
    ("device_fault", "nvidia-smi: Unable to determine the device handle for GPU 0000:01:00.0: Unknown Error"),
    (None, "INFO out of memory handler registered"),
    (None, "GET /static/out-of-memory.html 200 12ms"),
    (None, "worker 3 finished: 0 errors, 12 files"),
    (None, "loaded model buffalo_l in 1.2 s on CUDAExecutionProvider"),
    (None, "checksum verified OK for model.onnx"),
    (None, "disk usage 41% full"),
    (None, "DEBUG cudaMalloc 512MiB ok"),
)
"""As such systems speak: written from memory when the rules were done. Of the 54 signs among them 48 were seen
at once, and one of the harmless lines was taken for a sign; then the rules were widened."""

_PREFILTER = Prefilter([rule for rule in builtin_rules() if rule.statistic is None])


@pytest.mark.parametrize(("kind", "text"), [*REPORTED, *PHRASED])
def test_a_reported_line_is_a_sign_of_its_kind_and_of_no_other(kind: str | None, text: str) -> None:
    rules = _PREFILTER.rules_of(_PREFILTER.literals_in(text.lower().encode()))
    found = {rule.kind.value for rule in rules if rule.find(read_line(text)) is not None}
    assert found == ({kind} if kind else set())
