# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
from setuptools import find_packages, setup

package_name = 'c2a_sim_bridge'

setup(
    name=package_name,
    version='0.1.0',
    packages=find_packages(),
    package_data={'c2a_sim_bridge.sim': ['shaders/*/*']},
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/' + package_name]),
        ('share/' + package_name, ['package.xml']),
    ],
    install_requires=['setuptools', 'numpy'],
    zip_safe=True,
    maintainer='C2A developers',
    maintainer_email='c2a-developers@users.noreply.github.com',
    description='Embedded simulator, oracle skills and bridge node of C2A.',
    license='Apache-2.0',
    entry_points={'console_scripts': ['sim_bridge_node = c2a_sim_bridge.sim_bridge_node:main']},
)
