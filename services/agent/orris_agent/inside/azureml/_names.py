"""The names that can be imported from `azureml` inside a run: module -> names.

REAL says where the ones are that work inside a run; all others are placeholders (orris/_placeholder.py).
"""

REAL = {
    "AbstractDataset": "orris._data:AbstractDataset",
    "AMLRequest": "azureml._scoring:AMLRequest",
    "AMLResponse": "azureml._scoring:AMLResponse",
    "ComputeTargetException": "azureml.exceptions:ComputeTargetException",
    "DataType": "orris._table_options:DataType",
    "Dataset": "orris._registered:Dataset",
    "DatasetExecutionError": "azureml.exceptions:DatasetExecutionError",
    "DatasetValidationError": "azureml.exceptions:DatasetValidationError",
    "Diabetes": "azureml._opendatasets:Diabetes",
    "Environment": "orris._environment:Environment",
    "Experiment": "orris._surroundings:Experiment",
    "FileDataset": "orris._data:FileDataset",
    "FileDatasetFactory": "orris._dataset_factory:FileDatasetFactory",
    "Model": "orris._model:Model",
    "PromoteHeadersBehavior": "orris._table_options:PromoteHeadersBehavior",
    "ResourceConfiguration": "orris._model:ResourceConfiguration",
    "Run": "orris._run:Run",
    "ScriptRunConfig": "orris._script_run_config:ScriptRunConfig",
    "TabularDataset": "orris._tables:TabularDataset",
    "TabularDatasetFactory": "orris._dataset_factory:TabularDatasetFactory",
    "WebserviceException": "azureml.exceptions:WebserviceException",
    "Workspace": "orris._surroundings:Workspace",
    "_OfflineRun": "orris._offline:_OfflineRun",
    "_SubmittedRun": "orris._run:Run",
    "rawhttp": "azureml._scoring:rawhttp",
    "set_diagnostics_collection": "azureml._telemetry:set_diagnostics_collection",
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
    "azureml.train.hyperdrive": " ".join(
        (
            "HyperDriveConfig HyperDriveRun HyperDriveRunConfig HyperDriveStep HyperDriveStepRun PrimaryMetricGoal",
            _HYPERDRIVE_EXPRESSIONS,
            _HYPERDRIVE_POLICIES,
            _HYPERDRIVE_SAMPLING,
        )
    ),
    "azureml.train.hyperdrive.parameter_expressions": _HYPERDRIVE_EXPRESSIONS,
    "azureml.train.hyperdrive.policy": _HYPERDRIVE_POLICIES,
    "azureml.train.hyperdrive.run": "HyperDriveRun PrimaryMetricGoal",
    "azureml.train.hyperdrive.runconfig": "HyperDriveConfig HyperDriveRunConfig PrimaryMetricGoal",
    "azureml.train.hyperdrive.sampling": _HYPERDRIVE_SAMPLING,
    "azureml.train.sklearn": "SKLearn",
    "azureml.widgets": "RunDetails",
}
