@echo off
rem GPT-2 on the command line: builds what is missing, finds a JDK 25, starts the engine with the options that it needs.
setlocal enabledelayedexpansion
set "core=%~dp0.."
set "jar=%core%\target\fastgpt-core.jar"

set "jdk="
for %%d in ("%JAVA_HOME%") do call :try %%d
for /f "delims=" %%j in ('where java 2^>nul') do for %%d in ("%%~dpj..") do call :try "%%~fd"
for %%r in ("%ProgramFiles%\Java" "%ProgramFiles%\Eclipse Adoptium" "%ProgramFiles%\Microsoft" "%ProgramFiles%\Zulu" "%USERPROFILE%\.jdks") do (
  for /d %%d in ("%%~r\*") do call :try "%%~fd"
)
if not defined jdk (
  echo fastgpt: no JDK 25 found in JAVA_HOME, on the PATH or in the usual places: install one ^(such as Temurin 25^) and set JAVA_HOME to it>&2
  exit /b 2
)

if not exist "%jar%" (
  where mvn >nul 2>&1
  if errorlevel 1 (
    echo fastgpt: not built yet, and Maven is not on the PATH: install Maven 3.8 or newer>&2
    exit /b 2
  )
  echo fastgpt: building ^(once; the first time Maven downloads its plugins^) ...>&2
  pushd "%core%\.."
  call mvn -B -q -pl fastgpt-core -am -DskipTests package 1>&2
  if errorlevel 1 (
    popd
    echo fastgpt: the build failed>&2
    exit /b 1
  )
  popd
)

rem The same options as in the script fastgpt, where their reasons stand; but for the archive of class data.
"%jdk%\bin\java" --add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED -XX:+UseSerialGC -Xmn24m -XX:CompileCommand=quiet "-XX:CompileCommand=CompileThresholdScaling,org.fastgpt.core.Vector*::*,0.01" "-XX:CompileCommand=dontinline,org.fastgpt.core.Vector*::*" "-XX:CompileCommand=CompileThresholdScaling,jdk.incubator.vector.*::*,5.0" "-XX:CompileCommand=CompileThresholdScaling,jdk.internal.vm.vector.VectorSupport::*,5.0" -XX:Tier0ProfilingStartPercentage=100000 -XX:Tier3DelayOn=1000 -XX:+UnlockDiagnosticVMOptions -XX:TieredOldPercentage=100000 %FASTGPT_JAVA_OPTS% -jar "%jar%" %*
exit /b %errorlevel%

rem Takes the JDK in folder %1 if none is taken yet and its release file says 25 or more.
:try
if defined jdk exit /b 0
if not exist "%~1\release" exit /b 0
for /f "tokens=2 delims==. " %%v in ('findstr /b "JAVA_VERSION=" "%~1\release"') do set "v=%%~v"
set "v=%v:"=%"
if %v% geq 25 set "jdk=%~1"
exit /b 0
