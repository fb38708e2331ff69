# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from setuptools import find_packages, setup

package_name = 'c2a_training'

setup(
    name=package_name,
    version='0.1.0',
    packages=find_packages(),
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/' + package_name]),
        ('share/' + package_name, ['package.xml']),
    ],
    install_requires=['setuptools', 'numpy'],
    # How often the demo's tasks succeed: read as a file.
    package_data={package_name: ['demo_rates.json']},
    zip_safe=False,
    maintainer='C2A developers',
    maintainer_email='c2a-developers@users.noreply.github.com',
    description='Rollout, evaluation, data and command line of C2A.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            'c2a = c2a_training.cli:main',
            'recorder_node = c2a_training.recorder_node:main',
        ]
    },
)
