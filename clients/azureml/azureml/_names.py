"""The names that can be imported from `azureml`: module -> names.

REAL says where the ones are that work here; all others are placeholders (_placeholder.py). What can be imported inside
a run is the same list (a test compares them): a script that imports what it needs for both works in both.
"""

_PLACES = {
    "_abstract_dataset": "AbstractDataset",
    "_authentication": (
        "AbstractAuthentication ArmTokenAuthentication AzureCliAuthentication InteractiveLoginAuthentication "
        "MsiAuthentication ServicePrincipalAuthentication TokenAuthentication"
    ),
    "_compute": "AmlCompute ComputeTarget",
    "_compute_status": "AmlComputeStatus ScaleSettings",
    "_conda_dependencies": "CondaDependencies",
    "_data_inputs": "DatasetConsumptionConfig",
    "_data_path": "DataPath",
    "_data_reference": "DataReference DataReferenceConfiguration",
    "_dataset": (
        "Dataset FileDataset FileDatasetFactory OutputFileDatasetConfig PromoteHeadersBehavior TabularDataset "
        "TabularDatasetFactory"
    ),
    "_data_type": "DataType",
    "_datastore": "AbstractAzureStorageDatastore AbstractDatastore AzureBlobDatastore Datastore",
    "_environment": "Environment",
    "_environment_sections": "ContainerRegistry DockerSection PythonSection",
    "_image_details": "DockerImageDetails",
    "_experiment": "Experiment",
    "_hyperdrive_config": "HyperDriveConfig HyperDriveRunConfig PrimaryMetricGoal",
    "_hyperdrive_policy": (
        "BanditPolicy EarlyTerminationPolicy MedianStoppingPolicy NoTerminationPolicy TruncationSelectionPolicy"
    ),
    "_hyperdrive_run": "HyperDriveRun",
    "_hyperdrive_sampling": (
        "BayesianParameterSampling GridParameterSampling HyperParameterSampling RandomParameterSampling "
        "choice lognormal loguniform normal qlognormal qloguniform qnormal quniform randint uniform"
    ),
    "_inference_config": "InferenceConfig",
    "_model": "Model ResourceConfiguration",
    "_opendatasets": "Diabetes MNIST",
    "_run": "Run get_run",
    "_docker": "DockerConfiguration",
    "_run_configuration": "RunConfiguration",
    "_script_run_config": "ScriptRunConfig",
    "_telemetry": "set_diagnostics_collection",
    "_webservice": "AciWebservice AksWebservice LocalWebservice Webservice",
    "_webservice_configuration": (
        "AciServiceDeploymentConfiguration AksServiceDeploymentConfiguration LocalWebserviceDeploymentConfiguration"
    ),
    "_widgets": "RunDetails",
    "_workspace": "Workspace",
    "exceptions": "ComputeTargetException DatasetExecutionError DatasetValidationError WebserviceException",
}

REAL = {name: f"azureml.{place}:{name}" for place, names in _PLACES.items() for name in names.split()} | {
    "_OfflineRun": "orris.sdk.offline:OfflineRun",
    "_SubmittedRun": "azureml._run:Run",
}

CONSTANTS = {
    "VERSION": "1.61.0",  # of the SDK whose interface this follows
    "__version__": "1.61.0",
    "DEFAULT_CPU_IMAGE": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04",
    "DEFAULT_GPU_IMAGE": "mcr.microsoft.com/azureml/openmpi4.1.0-cuda11.8-cudnn8-ubuntu22.04",
    "SNAPSHOT_MAX_SIZE_BYTES": 300 * 1024 * 1024,
    "WORKSPACE_BLOB_DATASTORE": "workspaceblobstore",
    "WORKSPACE_FILE_DATASTORE": "workspacefilestore",
    "DIRECT_MODE": "direct",
    "DOWNLOAD_MODE": "download",
    "MOUNT_MODE": "mount",
    "UPLOAD_MODE": "upload",
}

_HYPERDRIVE_POLICIES = (
    "BanditPolicy EarlyTerminationPolicy MedianStoppingPolicy NoTerminationPolicy TruncationSelectionPolicy"
)
_HYPERDRIVE_EXPRESSIONS = "choice lognormal loguniform normal qlognormal qloguniform qnormal quniform randint uniform"
_HYPERDRIVE_SAMPLING = "BayesianParameterSampling GridParameterSampling HyperParameterSampling RandomParameterSampling"
_COMPUTE = (
    "AdlaCompute AksCompute AmlCompute BatchCompute ComputeInstance ComputeTarget DataFactoryCompute DatabricksCompute "
    "DsvmCompute HDInsightCompute KubernetesCompute KustoCompute RemoteCompute SynapseCompute"
)
_RUN_CONFIGURATION = (
    "ApiSparkConfiguration AzureContainerRegistry CondaDependencies ContainerRegistry DEFAULT_CPU_IMAGE "
    "DEFAULT_GPU_IMAGE Data DataPath DataReferenceConfiguration DockerConfiguration DockerEnvironment "
    "DockerImagePlatform EnvironmentDefinition HdiConfiguration MpiConfiguration OutputData PackagesConfig "
    "ParallelTaskConfiguration PyTorchConfiguration PythonEnvironment RunConfiguration SparkConfiguration "
    "SparkEnvironment TensorflowConfiguration"
)
_ENVIRONMENT = (
    "CondaDependencies ContainerRegistry DEFAULT_CPU_IMAGE DEFAULT_GPU_IMAGE DockerBuildContext DockerImagePlatform "
    "DockerImageDetails DockerSection Environment EnvironmentReference PythonSection RSection SparkSection"
)
_AUTHENTICATION = (
    "AbstractAuthentication ArmTokenAuthentication AzureCliAuthentication InteractiveLoginAuthentication "
    "MsiAuthentication ServicePrincipalAuthentication TokenAuthentication"
)
_DATASTORES = (
    "AbstractAzureStorageDatastore AzureBlobDatastore AzureDataLakeDatastore AzureDataLakeGen2Datastore "
    "AzureFileDatastore"
)

MODULES = {
    "azureml._restclient": "",
    "azureml._restclient.snapshots_client": "SNAPSHOT_MAX_SIZE_BYTES",
    "azureml.contrib": "",
    "azureml.contrib.services": "",
    "azureml.contrib.services.aml_request": "AMLRequest rawhttp",
    "azureml.contrib.services.aml_response": "AMLResponse",
    "azureml.core": (
        "ComputeTarget ContainerRegistry Dataset Datastore Environment Experiment Keyvault "
        "LinkedService Model Run RunConfiguration ScriptRun ScriptRunConfig VERSION Webservice Workspace __version__"
    ),
    "azureml.core.authentication": _AUTHENTICATION,
    "azureml.core.compute": _COMPUTE + " ComputeTargetException",
    "azureml.core.compute.aks": "AksCompute AksComputeStatus",
    "azureml.core.compute.amlcompute": "AmlCompute AmlComputeStatus ScaleSettings",
    "azureml.core.compute.compute": "ComputeTarget",
    "azureml.core.compute.computeinstance": "ComputeInstance",
    "azureml.core.compute.databricks": "DatabricksCompute",
    "azureml.core.compute.remote": "RemoteCompute",
    "azureml.core.compute_target": "AbstractComputeTarget ComputeTarget ComputeTargetException",
    "azureml.core.conda_dependencies": "CondaDependencies DEFAULT_SDK_ORIGIN PYTHON_DEFAULT_VERSION",
    "azureml.core.container_registry": "ContainerRegistry",
    "azureml.core.databricks": "MavenLibrary PyPiLibrary",
    "azureml.core.dataset": "Dataset FileDataset TabularDataset",
    "azureml.core.datastore": "Datastore " + _DATASTORES,
    "azureml.core.environment": _ENVIRONMENT,
    "azureml.core.experiment": "Experiment",
    "azureml.core.image": "ContainerImage Image",
    "azureml.core.keyvault": "Keyvault",
    "azureml.core.model": "InferenceConfig Model ModelPackage",
    "azureml.core.resource_configuration": "ResourceConfiguration",
    "azureml.core.run": "Run _OfflineRun _SubmittedRun get_run",
    "azureml.core.runconfig": _RUN_CONFIGURATION,
    "azureml.core.script_run": "ScriptRun",
    "azureml.core.script_run_config": "ScriptRunConfig get_run_config_from_script_run",
    "azureml.core.webservice": (
        "AciWebservice AksEndpoint AksWebservice LocalWebservice Webservice WebserviceException"
    ),
    "azureml.core.webservice.aci": "AciServiceDeploymentConfiguration AciWebservice",
    "azureml.core.webservice.aks": "AksEndpoint AksServiceDeploymentConfiguration AksWebservice",
    "azureml.core.webservice.local": "LocalWebservice LocalWebserviceDeploymentConfiguration",
    "azureml.core.webservice.webservice": "Webservice WebserviceException",
    "azureml.core.workspace": "Workspace",
    "azureml.data": (
        "DataType FileDataset HDFSOutputDatasetConfig LinkFileOutputDatasetConfig LinkTabularOutputDatasetConfig "
        "OutputFileDatasetConfig TabularDataset"
    ),
    "azureml.data.abstract_dataset": "AbstractDataset",
    "azureml.data.abstract_datastore": "AbstractDatastore",
    "azureml.data.azure_data_lake_datastore": "AzureDataLakeDatastore AzureDataLakeGen2Datastore",
    "azureml.data.azure_storage_datastore": _DATASTORES,
    "azureml.data.constants": (
        "DIRECT_MODE DOWNLOAD_MODE MOUNT_MODE UPLOAD_MODE WORKSPACE_BLOB_DATASTORE WORKSPACE_FILE_DATASTORE"
    ),
    "azureml.data.context_managers": "DatasetContextManager DatastoreContextManager",
    "azureml.data.data_reference": "DataReference",
    "azureml.data.datacache": "DatacacheStore",
    "azureml.data.datapath": "DataPath DataPathComputeBinding",
    "azureml.data.dataset_consumption_config": "DatasetConsumptionConfig",
    "azureml.data.dataset_error_handling": "DatasetExecutionError DatasetValidationError",
    "azureml.data.dataset_factory": "DataType FileDatasetFactory TabularDatasetFactory",
    "azureml.data.dataset_type_definitions": "FileType HistogramCompareMethod PromoteHeadersBehavior SkipLinesBehavior",
    "azureml.data.file_dataset": "FileDataset",
    "azureml.data.output_dataset_config": (
        "HDFSOutputDatasetConfig LinkFileOutputDatasetConfig LinkTabularOutputDatasetConfig OutputDatasetConfig "
        "OutputFileDatasetConfig OutputTabularDatasetConfig"
    ),
    "azureml.data.stored_procedure_parameter": "StoredProcedureParameter StoredProcedureParameterType",
    "azureml.data.tabular_dataset": "TabularDataset",
    "azureml.opendatasets": (
        "Diabetes MNIST NoaaIsdWeather NycTlcGreen NycTlcYellow OjSalesSimulated PublicHolidays SampleDiabetes"
    ),
    "azureml.telemetry": "set_diagnostics_collection",
    "azureml.train": "",
    "azureml.train.dnn": "Chainer Gloo Mpi Nccl ParameterServer PyTorch TensorFlow",
    "azureml.train.estimator": "Estimator Mpi MMLBaseEstimator",
    "azureml.train.hyperdrive": (
        "HyperDriveConfig HyperDriveRun HyperDriveRunConfig HyperDriveStep HyperDriveStepRun PrimaryMetricGoal "
        f"{_HYPERDRIVE_EXPRESSIONS} {_HYPERDRIVE_POLICIES} {_HYPERDRIVE_SAMPLING}"
    ),
    "azureml.train.hyperdrive.parameter_expressions": _HYPERDRIVE_EXPRESSIONS,
    "azureml.train.hyperdrive.policy": _HYPERDRIVE_POLICIES,
    "azureml.train.hyperdrive.run": "HyperDriveRun PrimaryMetricGoal",
    "azureml.train.hyperdrive.runconfig": "HyperDriveConfig HyperDriveRunConfig PrimaryMetricGoal",
    "azureml.train.hyperdrive.sampling": _HYPERDRIVE_SAMPLING,
    "azureml.train.sklearn": "SKLearn",
    "azureml.widgets": "RunDetails",
}
